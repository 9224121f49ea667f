"""Connections to Redis with a time limit on every step."""

from __future__ import annotations

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 32


def connect(url: str, timeout_s: float) -> Redis:
    """Return a client that connects, waits for a connection and calls within `timeout_s` seconds each.

    It retries once, because a restarted server leaves dead connections in the pool. Replies are bytes.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 1),
        decode_responses=False,
    )
    return Redis.from_pool(pool)
