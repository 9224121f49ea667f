"""Archives jobs that ended long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import EngineObserver, Housekeeping
    from pixel_generation.application.ports import Clock

ARCHIVED_AT_ONCE = 1_000
"""Limit per run, every two seconds: more than end in that time on average."""


async def archive_jobs(
    *, housekeeping: Housekeeping, clock: Clock, observer: EngineObserver, after: timedelta = timedelta(days=30)
) -> int:
    """Archive jobs of that age since their end, up to a limit; no job's state changes."""
    observer.archived(await housekeeping.archive(before=clock.now() - after, limit=ARCHIVED_AT_ONCE))
    return 0
