"""What operators see of the queue and do to it."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation

from pixel_generation.domain.errors import QueueNotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_generation.application.operations.ports import QueueChange, Queues
    from pixel_generation.domain.queueing.queues import QueueOverview, QueueStatus

STATUS_AGE_S = 1.0
MAX_REASON_CHARS = 200
MAX_QUEUE_QUEUED = 10_000_000


class QueueOperator:
    """Tells what waits and runs, measured at most once a second, and turns queues on and off."""

    def __init__(
        self, queues: Queues, *, signal_queues: Callable[[], Awaitable[int]], sweep: Callable[[], Awaitable[int]]
    ) -> None:
        self._queues = queues
        self._signal_queues = signal_queues
        self._sweep = sweep
        self._measured: tuple[float, QueueOverview | None] = (-math.inf, None)
        self._measuring = asyncio.Lock()

    async def status(self) -> QueueOverview:
        """Return the queue as it was within the last second."""
        async with self._measuring:
            measured_at, status = self._measured
            if status is None or time.monotonic() - measured_at >= STATUS_AGE_S:
                status = await self._queues.status()
                self._measured = (time.monotonic(), status)
            return status

    async def process(self) -> tuple[int, int]:
        """Signal the workers of every queue where jobs wait and sweep once; return the counts of both."""
        signalled = await self._signal_queues()
        return signalled, await self._sweep()

    async def update_queue(self, change: QueueChange) -> QueueStatus:
        """Set state and limits of a queue; raise Invalid or QueueNotFound."""
        if change.state is None and change.max_running is None and change.max_queued is None:
            raise _invalid("maxRunning", "Give a state or a limit to change.")
        if change.max_running is not None and change.max_running != -1 and not 1 <= change.max_running < 2**31:
            raise _invalid("maxRunning", "maxRunning is at least 1, or -1 for no limit.")
        if change.max_queued is not None and not 1 <= change.max_queued <= MAX_QUEUE_QUEUED:
            raise _invalid("maxQueued", f"maxQueued is 1 to {MAX_QUEUE_QUEUED}.")
        if len(change.reason) > MAX_REASON_CHARS or "\0" in change.reason:
            raise _invalid("reason", f"A reason has at most {MAX_REASON_CHARS} characters.")
        queue = await self._queues.update(change)
        if queue is None:
            raise QueueNotFound(metadata={"queue": change.queue})
        self._measured = (-math.inf, None)
        return queue


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
