"""What the use cases of several capabilities need from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime


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


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return this moment as an aware UTC datetime."""
