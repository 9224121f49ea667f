"""What the use cases need from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from uuid import UUID

    from pixel_media.domain.asset import Asset, AssetFacts, ImageFormat, Rendition
    from pixel_media.domain.rendering import Rendering


class Assets(Protocol):
    """The assets this service owns. An attempt to store one is on record before its first object is written."""

    async def find(self, asset_ids: Sequence[UUID]) -> Mapping[UUID, Asset]:
        """Return those of the assets that are stored."""

    async def begin(self, facts: AssetFacts, *, at: datetime) -> Asset | None:
        """Record an attempt to store; None means go on, an asset means that it is stored already.

        Raises AssetConflict when the id belongs to other bytes or another owner, AssetBeingRemoved while the rest of
        an older attempt is being removed. Repeating it makes the attempt young again.
        """

    async def finish(self, facts: AssetFacts, renditions: Sequence[Rendition], *, at: datetime) -> Asset:
        """Make the asset visible with its renditions; the same asset when another attempt was first.

        Raises AssetBeingRemoved when the attempt was given up meanwhile.
        """

    async def usage(self) -> Mapping[str, int]:
        """Return the stored bytes by type: `image`, `video`."""


class Leftovers(Protocol):
    """Attempts that came to nothing. What is given up can no longer be finished, so its objects may be deleted."""

    def sweeping(self) -> AbstractAsyncContextManager[bool]:
        """Hold the right to sweep during the block; False when another process has it."""

    async def give_up_stale(self, *, begun_before: datetime, limit: int) -> Sequence[UUID]:
        """Give up attempts that began before this time and did not finish; return their asset ids."""

    async def give_up_unknown(self, asset_ids: Sequence[UUID], *, at: datetime) -> Sequence[UUID]:
        """Give up those of the assets of which there is no record at all; return their ids."""

    async def forget(self, asset_ids: Sequence[UUID]) -> None:
        """Drop the records of given up attempts whose objects are gone; the ids are free again."""


class StoredObject(Protocol):
    """Facts about an object, as the store gives them; a listing may leave `sha256` empty."""

    @property
    def key(self) -> str: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def sha256(self) -> str: ...

    @property
    def content_type(self) -> str: ...

    @property
    def modified_at(self) -> datetime: ...


class Objects(Protocol):
    """The bytes, written once under keys of ours. A store that cannot be reached raises Unavailable."""

    async def put(self, key: str, data: bytes, *, content_type: str, sha256: str) -> None:
        """Store bytes; the same bytes again are fine, other bytes under a used key raise Conflict."""

    async def stat(self, key: str) -> StoredObject:
        """Return the facts; raise NotFound."""

    async def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield the objects whose key starts with the prefix."""

    def presign_get(self, key: str, *, expires_s: int, content_type: str, signed_at: datetime | None = None) -> str:
        """Return an address that is good until `expires_s` seconds after `signed_at`."""


class Renderer(Protocol):
    """Decodes images nobody vouches for, where a hostile one can do no harm."""

    async def render(self, data: bytes, image_format: ImageFormat) -> Rendering:
        """Decode the whole image and make its smaller forms; the same bytes give the same forms.

        Raises UnsupportedImage, BrokenImage, ImageTooLarge or ImageTooCostly.
        """


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return this moment as an aware UTC datetime."""
