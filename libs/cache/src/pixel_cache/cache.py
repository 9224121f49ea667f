"""What every cache does. Nothing kept in a cache has to be true: a miss is always a right answer."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """Bytes by key with a time to live. Trouble with the backend raises Unavailable."""

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None when it was never set, has ended or was pushed out."""

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep the value for `ttl_s` seconds, which must be positive (ValueError); replaces the one before."""

    async def delete(self, *keys: str) -> None:
        """Forget the keys; those that are missing are fine."""

    async def check(self) -> None:
        """Raise Unavailable when the backend does not answer."""

    async def close(self) -> None:
        """Give connections back; idempotent."""


def require_ttl(ttl_s: float) -> None:
    """Refuse a time to live that ends before it starts."""
    if not ttl_s > 0:
        raise ValueError(f"ttl_s must be positive, not {ttl_s}")
