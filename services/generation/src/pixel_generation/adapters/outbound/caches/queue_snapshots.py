"""Snapshots of queues, read at most once a second in the background of submissions."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Protocol

from pixel_errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixel_generation.domain.queueing.queue_snapshot import QueueSnapshot

log = logging.getLogger(__name__)

FRESH_S = 1.0
USABLE_S = 10.0
READ_WITHIN_S = 1.0


class SnapshotSource(Protocol):
    async def snapshot(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot:
        """Read the queued jobs in order, up to a limit, the running jobs, and the latest run times."""


class CachedQueueSnapshots:
    """All readers of a queue share its latest snapshot, with the jobs they added."""

    def __init__(self, source: SnapshotSource, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._read: dict[str, tuple[float, QueueSnapshot]] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._rests_until: dict[str, float] = {}

    async def newest(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot | None:
        read_at_s, snapshot = self._read.get(queue, (float("-inf"), None))
        if self._monotonic() - read_at_s < FRESH_S:
            return snapshot
        if (reading := self._read_once(queue, slots, typical_s)) is None:
            return None
        await asyncio.shield(reading)
        read_at_s, snapshot = self._read.get(queue, (float("-inf"), None))
        return snapshot if self._monotonic() - read_at_s < FRESH_S else None

    async def recent(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot | None:
        now_s = self._monotonic()
        read_at_s, snapshot = self._read.get(queue, (float("-inf"), None))
        if now_s - read_at_s < FRESH_S:
            return snapshot
        self._read_once(queue, slots, typical_s)
        if now_s - read_at_s < USABLE_S:
            return snapshot
        return await self.newest(queue, slots=slots, typical_s=typical_s)

    def _read_once(self, queue: str, slots: int, typical_s: float) -> asyncio.Task[None] | None:
        """Return the read of the queue in progress; None during the pause after a failure."""
        reading = self._reading.get(queue)
        if reading is None and self._monotonic() >= self._rests_until.get(queue, 0.0):
            reading = asyncio.create_task(self._read_again(queue, slots, typical_s), name=f"snapshot-{queue}")
            self._reading[queue] = reading
        return reading

    async def _read_again(self, queue: str, slots: int, typical_s: float) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                snapshot = await self._source.snapshot(queue, slots=slots, typical_s=typical_s)
        except (PixelError, TimeoutError) as error:
            log.warning("queue_not_read", extra={"queue": queue, "error": type(error).__name__})
            self._rests_until[queue] = self._monotonic() + FRESH_S
        else:
            self._read[queue] = (self._monotonic(), snapshot)
        finally:
            del self._reading[queue]
