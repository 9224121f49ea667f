"""Releases held jobs whose hold reason has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import EngineObserver, QueueHolds

AT_ONCE = 1_000


async def start_scheduled_jobs(*, queue_holds: QueueHolds, observer: EngineObserver) -> int:
    """Release due scheduled jobs; any process may run it at any time."""
    opened = await queue_holds.end_due(AT_ONCE)
    if opened:
        observer.holds_ended(opened, "due")
    return opened


async def release_missed_holds(*, queue_holds: QueueHolds, observer: EngineObserver) -> int:
    """Give free concurrency slots to held jobs that no ending job released."""
    opened = await queue_holds.end_missed()
    if opened:
        observer.holds_ended(opened, "missed")
    return opened
