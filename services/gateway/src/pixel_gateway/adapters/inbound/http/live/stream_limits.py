"""Limits of open progress streams, per process and per user."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixel_errors import Exhausted, Unavailable

from pixel_gateway.adapters.inbound.http.live.connection_monitor import ConnectionMonitor
from pixel_gateway.adapters.metrics import OPEN_STREAMS, REFUSED_STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STREAMS = 10_000
MAX_STREAMS_PER_USER = 100
_RETRY_AFTER_S = 5.0


class TooManyStreams(Exhausted):
    """You have the maximum number of open streams; close one first."""

    reason = "TOO_MANY_STREAMS"


class StreamsFull(Unavailable):
    """The server has the maximum number of open streams; poll, or retry in a moment."""

    reason = "STREAMS_FULL"


class StreamLimits:
    """Counts the open streams of every transport; one monitor checks their connections."""

    def __init__(self, *, in_all: int = MAX_STREAMS, per_user: int = MAX_STREAMS_PER_USER) -> None:
        self.monitor = ConnectionMonitor()
        self._in_all = in_all
        self._per_user = per_user
        self._count = 0
        self._by_user: Counter[str] = Counter()

    @contextmanager
    def opened(self, user_id: str, transport: str) -> Iterator[None]:
        """Count a stream until the block ends; raise TooManyStreams or StreamsFull at the limit."""
        if self._by_user[user_id] >= self._per_user:
            REFUSED_STREAMS.labels(transport, "user").inc()
            raise TooManyStreams(retry_after_s=_RETRY_AFTER_S)
        if self._count >= self._in_all:
            REFUSED_STREAMS.labels(transport, "all").inc()
            raise StreamsFull(retry_after_s=_RETRY_AFTER_S)
        self._count += 1
        self._by_user[user_id] += 1
        OPEN_STREAMS.labels(transport).inc()
        try:
            yield
        finally:
            OPEN_STREAMS.labels(transport).dec()
            self._count -= 1
            self._by_user[user_id] -= 1
            if not self._by_user[user_id]:
                del self._by_user[user_id]
