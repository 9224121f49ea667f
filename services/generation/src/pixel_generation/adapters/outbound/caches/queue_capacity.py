"""Whether a queue accepts more jobs, from a count made in the background of submissions."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pixel_errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

FRESH_S = 1.0
REST_FACTOR = 10
"""Counting takes at most this fraction (1/n) of the time, for any length of the queue."""
COUNT_WITHIN_S = 5.0


@dataclass
class _Count:
    """The latest count of a queue, and the jobs accepted since."""

    queued: int
    max_queued: int
    next_at_s: float
    refused: int = 0
    refused_before: int = 0


class QueueCounts(Protocol):
    async def count(self, queue: str) -> tuple[int, int]:
        """Return the number of queued jobs, counted up to the capacity, and the capacity."""


class CountedQueueCapacity:
    """Counts each queue with submissions about once a second, and adds the jobs of this process in between."""

    def __init__(self, counts: QueueCounts, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._monotonic = monotonic
        self._known: dict[str, _Count] = {}
        self._counting: dict[str, asyncio.Task[None]] = {}

    def is_full(self, queue: str) -> bool:
        known = self._known.get(queue)
        if (known is None or self._monotonic() >= known.next_at_s) and queue not in self._counting:
            self._counting[queue] = asyncio.create_task(self._count(queue), name=f"count {queue}")
        return known is not None and known.queued >= known.max_queued

    def accepted(self, queue: str) -> None:
        if queue in self._known:
            self._known[queue].queued += 1

    def refused(self, queue: str) -> int:
        known = self._known.get(queue)
        if known is None:
            return 1
        known.refused += 1
        return max(known.refused, known.refused_before)

    async def close(self) -> None:
        """Cancel the counts in progress."""
        tasks = list(self._counting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _count(self, queue: str) -> None:
        began_s = self._monotonic()
        before = self._known.get(queue)
        try:
            async with asyncio.timeout(COUNT_WITHIN_S):
                queued, max_queued = await self._counts.count(queue)
        except (PixelError, TimeoutError) as error:
            log.warning("queue_not_counted", extra={"queue": queue, "error": type(error).__name__})
            # A full queue that cannot be counted accepts again: a refusal requires a known count.
            self._known.pop(queue, None)
        else:
            now_s = self._monotonic()
            next_at_s = now_s + max(FRESH_S, REST_FACTOR * (now_s - began_s))
            self._known[queue] = _Count(queued, max_queued, next_at_s, refused_before=before.refused if before else 0)
        finally:
            del self._counting[queue]
