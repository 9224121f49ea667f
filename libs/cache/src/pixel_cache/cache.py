"""The port of the caches. A cache may forget any value at any time: a miss is always a valid answer."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """Bytes by key with a time to live. A failure of the backend raises Unavailable."""

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None when it was never set, has expired or was evicted."""

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds, which must be positive (ValueError); replaces an earlier value."""

    async def delete(self, *keys: str) -> None:
        """Delete the keys; missing keys are ignored."""

    async def check(self) -> None:
        """Raise Unavailable when the backend does not answer."""

    async def close(self) -> None:
        """Close the connections; idempotent."""


def require_ttl(ttl_s: float) -> None:
    """Raise ValueError for a time to live that is not positive."""
    if not ttl_s > 0:
        raise ValueError(f"ttl_s must be positive, not {ttl_s}")
