"""What operators see of the queue and do to it."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation

from pixel_generation.domain.errors import LaneNotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_generation.application.operations_ports import LaneChange, Lanes
    from pixel_generation.domain.lanes import LaneStatus, QueueStatus

STATUS_AGE_S = 1.0
MAX_REASON_CHARS = 200
MAX_LANE_QUEUED = 10_000_000


class QueueOperator:
    """Tells what waits and runs, measured at most once a second, and turns lanes on and off."""

    def __init__(
        self, lanes: Lanes, *, wake_lanes: Callable[[], Awaitable[int]], sweep: Callable[[], Awaitable[int]]
    ) -> None:
        self._lanes = lanes
        self._wake_lanes = wake_lanes
        self._sweep = sweep
        self._measured: tuple[float, QueueStatus | None] = (-math.inf, None)
        self._measuring = asyncio.Lock()

    async def status(self) -> QueueStatus:
        """Return the queue as it was within the last second."""
        async with self._measuring:
            measured_at, status = self._measured
            if status is None or time.monotonic() - measured_at >= STATUS_AGE_S:
                status = await self._lanes.status()
                self._measured = (time.monotonic(), status)
            return status

    async def process(self) -> tuple[int, int]:
        """Wake the workers of every lane where something waits and sweep once; return lanes woken and jobs changed."""
        woken = await self._wake_lanes()
        return woken, await self._sweep()

    async def update_lane(self, change: LaneChange) -> LaneStatus:
        """Set state and limits of a lane; raise Invalid or LaneNotFound."""
        if change.state is None and change.max_running is None and change.max_queued is None:
            raise _invalid("maxRunning", "Give a state or a limit to change.")
        if change.max_running is not None and change.max_running != -1 and not 1 <= change.max_running < 2**31:
            raise _invalid("maxRunning", "maxRunning is at least 1, or -1 for no limit.")
        if change.max_queued is not None and not 1 <= change.max_queued <= MAX_LANE_QUEUED:
            raise _invalid("maxQueued", f"maxQueued is 1 to {MAX_LANE_QUEUED}.")
        if len(change.reason) > MAX_REASON_CHARS or "\0" in change.reason:
            raise _invalid("reason", f"A reason has at most {MAX_REASON_CHARS} characters.")
        lane = await self._lanes.update(change)
        if lane is None:
            raise LaneNotFound(metadata={"lane": change.lane})
        self._measured = (-math.inf, None)
        return lane


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
