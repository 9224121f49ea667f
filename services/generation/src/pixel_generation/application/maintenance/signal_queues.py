"""Sends lost signals again: workers are signalled about jobs that have been runnable for seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import Housekeeping


async def signal_overlooked_queues(*, housekeeping: Housekeeping) -> int:
    """Signal the oldest job of each such queue; no job changes."""
    await housekeeping.signal_queues()
    return 0
