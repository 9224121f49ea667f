"""Send lost signals again: a worker is told of jobs that have been runnable for seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import Housekeeping


async def signal_overlooked_queues(*, housekeeping: Housekeeping) -> int:
    """Announce the oldest job of each such queue; that changes no job."""
    await housekeeping.signal_queues()
    return 0
