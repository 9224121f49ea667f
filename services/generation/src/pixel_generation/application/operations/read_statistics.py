"""Statistics of ended generations, of one user or of all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation

from pixel_generation.domain.jobs.statistics import GenerationStats, statistics_of

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.application.operations.ports import Statistics
    from pixel_generation.application.ports import Clock

DEFAULT_DAYS = 30
MAX_DAYS = 366
FIRST_YEAR, LAST_YEAR = 1970, 9998
"""Range of years for which day arithmetic cannot overflow."""


async def read_statistics(
    user_id: UUID | None, first: date | None, last: date | None, *, statistics: Statistics, clock: Clock
) -> GenerationStats:
    """Sum the days from first to last, by default the last 30; provider costs only for all users; raise Invalid."""
    last = last or clock.now().date()
    if any(day and not FIRST_YEAR <= day.year <= LAST_YEAR for day in (first, last)):
        message = f"Statistics begin in {FIRST_YEAR} and end in {LAST_YEAR}."
        raise Invalid(message, violations=(Violation("from", message),))
    first = first or last - timedelta(days=DEFAULT_DAYS - 1)
    if not 1 <= (last - first).days + 1 <= MAX_DAYS:
        message = f"Statistics cover 1 to {MAX_DAYS} days."
        raise Invalid(message, violations=(Violation("from", message),))
    costs = {} if user_id else await statistics.provider_costs(first=first, last=last)
    return statistics_of(await statistics.rows(user_id, first=first, last=last), costs)
