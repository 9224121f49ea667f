"""The port of the object stores and the errors it raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pixel_errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

CHUNK_BYTES = 262_144
"""Size of a streamed chunk."""

MAX_PRESIGN_S = 604_800
"""Longest validity of a signed URL: seven days, the limit of SigV4."""

_MAX_KEY = 512
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")


class BlobConflict(Conflict):
    """The key holds other bytes; objects are written once."""

    reason = "BLOB_CONFLICT"


class BlobNotFound(NotFound):
    """There is no object under this key."""

    reason = "BLOB_NOT_FOUND"


class BlobCorrupt(Invalid):
    """The bytes do not match the given SHA-256."""

    reason = "BLOB_CORRUPT"


@dataclass(frozen=True)
class BlobStat:
    """Metadata of an object. A listing leaves `sha256` and `content_type` empty: stores do not list them."""

    key: str
    size_bytes: int
    sha256: str
    content_type: str
    modified_at: datetime


class Blobs(Protocol):
    """Objects under keys, written once. A store that cannot be reached raises Unavailable."""

    async def put(self, key: str, data: bytes, *, content_type: str, sha256: str) -> None:
        """Store bytes with this lower-case hex SHA-256 (else BlobCorrupt).

        Storing the same bytes again succeeds; other bytes under a used key raise BlobConflict and change nothing.
        """

    async def get(self, key: str) -> bytes:
        """Return the whole object; raise BlobNotFound."""

    def stream(self, key: str, chunk_bytes: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        """Yield the object in chunks; raise BlobNotFound before the first."""

    async def stat(self, key: str) -> BlobStat:
        """Return the metadata; raise BlobNotFound."""

    async def delete(self, key: str) -> None:
        """Delete the object; does nothing when it is missing."""

    def list(self, prefix: str) -> AsyncIterator[BlobStat]:
        """Yield the objects whose key starts with the prefix, ordered by key."""

    def presign_get(self, key: str, *, expires_s: int, content_type: str, signed_at: datetime | None = None) -> str:
        """Return a URL that anyone can read until `expires_s` seconds after `signed_at` (now when absent).

        The same arguments give the same URL, so a fixed `signed_at` lets clients cache.
        """

    async def check(self) -> None:
        """Raise Unavailable when the store cannot be used."""


def require_key(key: str) -> str:
    """Return the key, or raise Invalid: lower-case words, digits, `.`, `_`, `-` and inner slashes, at most 512."""
    if len(key) > _MAX_KEY or not _KEY.fullmatch(key):
        raise Invalid("The object key is malformed.", reason="BLOB_KEY_INVALID")
    return key


def require_prefix(prefix: str) -> str:
    """Return the key prefix to list, or raise Invalid; it may be empty or end in a slash."""
    if prefix:
        require_key(prefix.removesuffix("/"))
    return prefix


def require_sha256(sha256: str) -> bytes:
    """Return the digest of 64 lower-case hex digits, or raise BlobCorrupt."""
    if not _SHA256.fullmatch(sha256):
        raise BlobCorrupt
    return bytes.fromhex(sha256)


def require_expiry(expires_s: int) -> int:
    """Return the validity of a signed URL in seconds, or raise ValueError."""
    if not 1 <= expires_s <= MAX_PRESIGN_S:
        raise ValueError(f"expires_s must be within 1..{MAX_PRESIGN_S}, not {expires_s}")
    return expires_s
