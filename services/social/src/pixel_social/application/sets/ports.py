"""Port: the sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from uuid import UUID

    from pixel_social.domain.images.image import ImageSet


class Transaction(Protocol):
    """Writes of one transaction."""

    async def first_time(self, event_id: str) -> bool:
        """Record the event as handled; False when it was handled before."""

    async def add_set(self, image_set: ImageSet) -> bool:
        """Insert a set and its images; return False and write nothing when the set exists."""

    async def announce(self, image_set: ImageSet) -> None:
        """Write one `image_generated` activity for each image of the set to the outbox."""


class Store(Protocol):
    """The pictures this service owns."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction; commit at the end of the block, roll back when it raises."""


class Sets(Protocol):
    """Reads sets without a lock."""

    async def find_set(self, set_id: UUID) -> ImageSet | None:
        """Return a set with all its images in batch order, or None."""
