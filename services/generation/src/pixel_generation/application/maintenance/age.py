"""Raise jobs that waited long behind earlier priority classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import EngineObserver, QueueHolds

HEAD = 500
"""Jobs of a class and queue that a round looks at: more than start in the time after which a job is raised."""


async def age_waiting_jobs(*, queue_holds: QueueHolds, observer: EngineObserver) -> int:
    """Raise them by one class; that changes no job's state, so none is counted as changed."""
    observer.aged(await queue_holds.age(HEAD))
    return 0
