"""A cache on Redis or Valkey, shared by several processes."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixel_errors import Unavailable
from redis.exceptions import RedisError

from pixel_cache.cache import require_ttl
from pixel_cache.metrics import Lookups
from pixel_cache.redis_connections import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKUPS = Lookups.of("redis")


class RedisCache:
    """Every call ends within `timeout_s` seconds, waiting for a connection included.

    A call that is cancelled or times out closes its connection, so that its late reply is never read as the reply to
    the next command.
    """

    def __init__(self, url: str, timeout_s: float = 0.5) -> None:
        self._timeout_s = timeout_s
        self._redis = connect(url, timeout_s)

    async def get(self, key: str) -> bytes | None:
        with _kinds():
            async with asyncio.timeout(self._timeout_s):
                value: bytes | None = await self._redis.get(key)  # type: ignore[assignment]  # decode_responses is off
        (LOOKUPS.misses if value is None else LOOKUPS.hits).inc()
        return value

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        require_ttl(ttl_s)
        with _kinds():
            async with asyncio.timeout(self._timeout_s):
                await self._redis.set(key, value, px=max(1, round(ttl_s * 1000)))

    async def delete(self, *keys: str) -> None:
        if not keys:
            return
        with _kinds():
            async with asyncio.timeout(self._timeout_s):
                await self._redis.delete(*keys)

    async def check(self) -> None:
        with _kinds():
            async with asyncio.timeout(self._timeout_s):
                await self._redis.ping()

    async def close(self) -> None:
        await self._redis.aclose()


@contextmanager
def _kinds() -> Iterator[None]:
    """Translate Redis errors to Unavailable; callers continue without the cache."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        LOOKUPS.errors.inc()
        raise Unavailable("The cache does not answer.", reason="CACHE_UNAVAILABLE") from error
