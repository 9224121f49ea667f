"""A cache with time to live: in process and Redis behind one contract."""

from __future__ import annotations

from pixel_cache.cache import Cache
from pixel_cache.in_process import InProcessCache
from pixel_cache.redis_cache import RedisCache

__all__ = ["Cache", "InProcessCache", "RedisCache"]
