"""The newest status of each generation, under `processing:{id}` for an hour."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import TYPE_CHECKING

import msgspec
from pixel_errors import PixelError

from pixel_gateway.adapters.metrics import LAST_STATUS_SKIPPED
from pixel_gateway.domain.generation import Failure, Progress, Stage, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixel_cache import Cache

TTL_S = 3600.0
_REST_S = 5.0
_CONCURRENT_WRITES = 16


class _StoredStatus(msgspec.Struct):
    """The cached part of an event, with its owner: a status is never shown to anybody else."""

    generation_id: str
    user_id: str
    sequence: int
    status: Status
    stage: Stage
    progress: int
    message: str
    set_id: str
    time: datetime
    failure: tuple[str, str, bool] | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_StoredStatus)


class CachedLastStatus:
    """Last statuses in a cache. After a failure the cache is not used for a while, so live progress never waits."""

    def __init__(self, cache: Cache, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._monotonic = monotonic
        self._rests_until = 0.0

    async def put(self, events: Sequence[Progress]) -> None:
        """Cache the newest status of each generation; failures are counted, not raised."""
        newest: dict[str, Progress] = {}
        for event in events:
            known = newest.get(event.generation_id)
            if known is None or known.sequence < event.sequence:
                newest[event.generation_id] = event
        gate = asyncio.Semaphore(_CONCURRENT_WRITES)
        await asyncio.gather(*(self._put(gate, event) for event in newest.values()))

    async def get(self, generation_id: str) -> Progress | None:
        """Return the newest cached status, or None; also None while the cache is failing."""
        try:
            data = await self._cache.get(_key(generation_id))
        except PixelError:
            LAST_STATUS_SKIPPED.inc()
            return None
        return None if data is None else _read(data)

    async def _put(self, gate: asyncio.Semaphore, event: Progress) -> None:
        async with gate:
            if self._monotonic() < self._rests_until:
                LAST_STATUS_SKIPPED.inc()
                return
            try:
                await self._cache.set(_key(event.generation_id), _written(event), ttl_s=TTL_S)
            except PixelError:
                LAST_STATUS_SKIPPED.inc()
                self._rests_until = self._monotonic() + _REST_S


def _written(event: Progress) -> bytes:
    failure = event.failure and (event.failure.code, event.failure.message, event.failure.retryable)
    return _encoder.encode(
        _StoredStatus(
            generation_id=event.generation_id,
            user_id=event.user_id,
            sequence=event.sequence,
            status=event.status,
            stage=event.stage,
            progress=event.progress,
            message=event.message,
            set_id=event.set_id,
            time=event.time,
            failure=failure or None,
        )
    )


def _read(data: bytes) -> Progress:
    stored = _decoder.decode(data)
    return Progress(
        generation_id=stored.generation_id,
        user_id=stored.user_id,
        sequence=stored.sequence,
        status=stored.status,
        stage=stored.stage,
        progress=stored.progress,
        message=stored.message,
        set_id=stored.set_id,
        time=stored.time,
        failure=Failure(*stored.failure) if stored.failure else None,
    )


def _key(generation_id: str) -> str:
    return f"processing:{generation_id}"
