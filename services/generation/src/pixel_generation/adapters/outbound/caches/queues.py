"""The operators' view of the queues, measured at most once a second."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.operations.ports import QueueChange, Queues
    from pixel_generation.domain.queueing.queues import QueueOverview, QueueStatus

MAX_AGE_S = 1.0


class CachedQueues:
    """A change of a queue is seen at once."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._measured: tuple[float, QueueOverview | None] = (-math.inf, None)
        self._measuring = asyncio.Lock()

    async def status(self) -> QueueOverview:
        async with self._measuring:
            measured_at, status = self._measured
            if status is None or time.monotonic() - measured_at >= MAX_AGE_S:
                status = await self._queues.status()
                self._measured = (time.monotonic(), status)
            return status

    async def update(self, change: QueueChange) -> QueueStatus | None:
        queue = await self._queues.update(change)
        self._measured = (-math.inf, None)
        return queue
