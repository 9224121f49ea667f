"""A channel of Redis pub/sub: a message reaches only the subscribers connected at that moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pixel_errors import Unavailable
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_QUIET_S = 5.0
"""Seconds without a message after which the server is pinged."""


class RedisChannel:
    """One named channel. Failures raise Unavailable; each call to the server ends within `timeout_s` seconds."""

    def __init__(self, url: str, name: str, timeout_s: float = 1.0) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 1),
            decode_responses=False,
        )

    async def publish(self, message: bytes) -> None:
        """Send to all current subscribers; raise Unavailable."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._redis.publish(self._name, message)
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("The channel does not answer.", reason="CACHE_UNAVAILABLE") from error

    async def listen(self) -> AsyncGenerator[bytes | None, None]:
        """Yield None once subscribed, then each message; raise Unavailable when the server cannot be reached."""
        listener = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            async with asyncio.timeout(self._timeout_s):
                await listener.subscribe(self._name)
            yield None
            while True:
                message = await listener.get_message(timeout=_QUIET_S)
                if message is None:
                    async with asyncio.timeout(self._timeout_s):
                        await listener.ping()
                elif message["type"] == "message":
                    yield message["data"]
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("The channel does not answer.", reason="CACHE_UNAVAILABLE") from error
        finally:
            await listener.aclose()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._redis.aclose()
