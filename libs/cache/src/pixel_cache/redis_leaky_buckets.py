"""Leaky buckets on Redis or Valkey, shared by several processes; time is the server's clock."""

from __future__ import annotations

import asyncio

from pixel_errors import Unavailable
from redis.exceptions import RedisError

from pixel_cache.leaky_buckets import Taken, require_positive
from pixel_cache.redis_connections import connect

_TAKE = """
local now = redis.call('TIME')
local now_us = now[1] * 1000000 + now[2]
local amount_us, capacity_us = tonumber(ARGV[1]), tonumber(ARGV[2])
local level_us = math.max((tonumber(redis.call('GET', KEYS[1])) or 0) - now_us, 0)
if level_us + amount_us > capacity_us then
  return {0, level_us}
end
level_us = level_us + amount_us
redis.call('SET', KEYS[1], string.format('%.0f', now_us + level_us), 'PX', math.ceil(level_us / 1000))
return {1, level_us}
"""


class RedisLeakyBuckets:
    """Each take is one atomic script and ends within `timeout_s` seconds, including the wait for a connection."""

    def __init__(self, url: str, timeout_s: float = 0.05) -> None:
        self._timeout_s = timeout_s
        self._redis = connect(url, timeout_s)
        self._take = self._redis.register_script(_TAKE)

    async def take(self, key: str, amount_us: int, *, capacity_us: int) -> Taken:
        require_positive(amount_us, capacity_us)
        try:
            async with asyncio.timeout(self._timeout_s):
                accepted, level_us = await self._take(keys=[key], args=[amount_us, capacity_us])
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("The cache does not answer.", reason="CACHE_UNAVAILABLE") from error
        return Taken(accepted=bool(accepted), level_us=int(level_us))

    async def close(self) -> None:
        await self._redis.aclose()
