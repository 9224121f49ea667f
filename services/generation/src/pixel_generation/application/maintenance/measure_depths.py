"""Measures the number of queued jobs of each queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import DepthObserver, Housekeeping


async def measure_queue_depths(*, housekeeping: Housekeeping, observer: DepthObserver) -> int:
    """Count them once; no job changes."""
    for queue, waiting in (await housekeeping.queue_depths()).items():
        observer.queue_depth(queue, waiting)
    return 0
