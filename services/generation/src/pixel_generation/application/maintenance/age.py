"""Raises the priority class of long queued jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import EngineObserver, QueueHolds

HEAD = 500
"""Jobs checked per class and queue in one run: more than can start in the time after which a job is raised."""


async def age_waiting_jobs(*, queue_holds: QueueHolds, observer: EngineObserver) -> int:
    """Raise them by one class; no job's state changes, so none is counted as changed."""
    observer.aged(await queue_holds.age(HEAD))
    return 0
