"""The sets this service owns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from uuid import UUID

    from pixel_social.domain.images.image import ImageSet


class Transaction(Protocol):
    """Writes that become visible together or not at all."""

    async def first_time(self, event_id: str) -> bool:
        """Record that the event is being handled; False when it was handled before."""

    async def add_set(self, image_set: ImageSet) -> bool:
        """Write a set and its pictures; False, and nothing written, when the set exists."""

    async def announce(self, image_set: ImageSet) -> None:
        """Queue one `image_generated` activity for each picture of the set."""


class Store(Protocol):
    """The pictures this service owns."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Commit at the end of the block, roll back when it raises."""


class Sets(Protocol):
    """Reads of sets without a lock."""

    async def find_set(self, set_id: UUID) -> ImageSet | None:
        """Return a set with all its pictures in batch order, or None."""
