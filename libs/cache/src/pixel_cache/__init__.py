"""A cache with time to live: in process and Redis behind one contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_cache.cache import Cache
from pixel_cache.in_process import InProcessCache

if TYPE_CHECKING:
    from pixel_cache.redis_cache import RedisCache

__all__ = ["Cache", "InProcessCache", "RedisCache"]


def __getattr__(name: str) -> Any:
    """Load the Redis client, half a second, only where Redis is spoken."""
    if name == "RedisCache":
        from pixel_cache.redis_cache import RedisCache

        return RedisCache
    raise AttributeError(name)
