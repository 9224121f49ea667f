"""Connections to Redis that never hold a caller up."""

from __future__ import annotations

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 32


def connect(url: str, timeout_s: float) -> Redis:
    """Return a client whose connecting, waiting for a connection and asking each end within `timeout_s` seconds.

    It tries again once, because a server that was restarted leaves dead connections in the pool. Answers are bytes.
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
