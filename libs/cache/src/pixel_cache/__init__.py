"""A cache with time to live, and leaky buckets: each in process or in Redis, one contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_cache.cache import Cache
from pixel_cache.in_process import InProcessCache
from pixel_cache.leaky_buckets import InProcessLeakyBuckets, LeakyBuckets, Taken

if TYPE_CHECKING:
    from pixel_cache.redis_cache import RedisCache
    from pixel_cache.redis_leaky_buckets import RedisLeakyBuckets

__all__ = [
    "Cache",
    "InProcessCache",
    "InProcessLeakyBuckets",
    "LeakyBuckets",
    "RedisCache",
    "RedisLeakyBuckets",
    "Taken",
]


def __getattr__(name: str) -> Any:
    """Import the Redis client, which takes half a second, only in processes that use Redis."""
    if name == "RedisCache":
        from pixel_cache.redis_cache import RedisCache

        return RedisCache
    if name == "RedisChannel":
        from pixel_cache.redis_channel import RedisChannel

        return RedisChannel
    if name == "RedisLeakyBuckets":
        from pixel_cache.redis_leaky_buckets import RedisLeakyBuckets

        return RedisLeakyBuckets
    raise AttributeError(name)
