"""Ports of the use cases of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import datetime

    from pixel_gateway.domain.image import Addresses, Image, ImageSet


@dataclass(frozen=True)
class DiscoverQuery:
    """Filter of the feed; empty values mean all."""

    limit: int
    cursor: str = ""
    page: int = 0
    sort: str = "recent"
    model: str = ""
    style: str = ""
    user_id: str = ""
    from_time: datetime | None = None
    to_time: datetime | None = None


@dataclass(frozen=True)
class StoredObject:
    """An open object."""

    content_type: str
    size_bytes: int
    chunks: AsyncGenerator[bytes, None]


class Sets(Protocol):
    """Sets and the public feed of the social service."""

    async def get(self, set_id: str, viewer_id: str) -> ImageSet:
        """Return a set the viewer may see (empty viewer: anonymous); raise NotFound."""

    async def discover(self, query: DiscoverQuery) -> tuple[list[Image], str]:
        """Return a page of public images and the cursor of the next one (empty on the last)."""


class Media(Protocol):
    """Pictures' bytes of the media service."""

    async def addresses(self, asset_ids: Sequence[str]) -> Mapping[str, Addresses]:
        """Return new signed URLs of the existing assets."""

    async def read(self, key: str, *, expires: int, signature: str) -> StoredObject:
        """Open the object of a signed URL; raise Forbidden when altered or expired, NotFound when deleted."""

    async def fetch(self, address: str) -> bytes:
        """Return all bytes of a signed URL from `addresses`."""
