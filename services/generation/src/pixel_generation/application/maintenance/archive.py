"""Move jobs that ended long ago out of the engine's way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import EngineObserver, Housekeeping
    from pixel_generation.application.ports import Clock

ARCHIVED_AT_ONCE = 1_000
"""Every two seconds: more than ever end in that time, on average over days."""


async def archive_jobs(
    *, housekeeping: Housekeeping, clock: Clock, observer: EngineObserver, after: timedelta = timedelta(days=30)
) -> int:
    """Archive up to a bound of jobs of that age since their end; that changes no job."""
    observer.archived(await housekeeping.archive(before=clock.now() - after, limit=ARCHIVED_AT_ONCE))
    return 0
