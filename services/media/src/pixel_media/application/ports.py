"""Ports of several capabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime


class StoredObject(Protocol):
    """Metadata of an object from the store; a listing may leave `sha256` empty."""

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
    """The object store; objects are written once. An unreachable store raises Unavailable."""

    async def put(self, key: str, data: bytes, *, content_type: str, sha256: str) -> None:
        """Store bytes; storing the same bytes again succeeds, other bytes under a used key raise Conflict."""

    async def stat(self, key: str) -> StoredObject:
        """Return the metadata; raise NotFound."""

    async def delete(self, key: str) -> None:
        """Delete the object; does nothing when it is missing."""

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield the objects whose key starts with the prefix."""

    def presign_get(self, key: str, *, expires_s: int, content_type: str, signed_at: datetime | None = None) -> str:
        """Return a URL that is valid until `expires_s` seconds after `signed_at`."""


class Clock(Protocol):
    """Returns the current time."""

    def now(self) -> datetime:
        """Return the current time as an aware UTC datetime."""
