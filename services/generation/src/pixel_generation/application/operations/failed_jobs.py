"""Lists failed jobs and retries them in bulk."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_errors import Invalid, PixelError, Violation
from pixel_limits.generation import REDRIVE_FAILURES_REQUEST_LIMIT_LTE as MAX_REDRIVEN

from pixel_generation.application.operations.ports import Action

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.application.maintenance.ports import AllJobs
    from pixel_generation.application.operations.ports import Actions, FailureList, SetAsideList
    from pixel_generation.application.ports import Clock, Randomness
    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.jobs.failures import FailedWork, FailureFilter, SetAsideJob
    from pixel_generation.domain.jobs.job import Job

DEFAULT_REDRIVEN = 100
AT_ONCE = 32
LOOKED_AT = 100
"""Pages of failures that one redrive scans for its filter."""
MAX_SPREAD = timedelta(days=30)
MAX_SET_ASIDE = 1_000


@dataclass(frozen=True, slots=True)
class RedriveFailures:
    """Failures to retry, and the rate."""

    which: FailureFilter
    actor: str
    dry_run: bool = False
    limit: int = DEFAULT_REDRIVEN
    rate_per_second: float = 0.0
    """0 means all at once."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """The result of a redrive."""

    job_ids: list[UUID] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListFailures:
    """Up to `limit` failures, newest first, after the position `before`."""

    which: FailureFilter
    before: tuple[datetime, UUID] | None
    limit: int


@dataclass(frozen=True, slots=True)
class FailuresPage:
    """Failures, counts by code of everything that matches the filter, and on the first page the jobs set aside."""

    page: Page[FailedWork, tuple[datetime, UUID]]
    count_by_code: dict[str, int]
    set_aside: list[SetAsideJob] = field(default_factory=list)


@dataclass(frozen=True)
class RedriveTools:
    """Ports of a redrive."""

    failures: FailureList
    actions: Actions
    jobs: AllJobs
    resubmit: Callable[[Sequence[Job], Sequence[datetime]], Awaitable[list[Job | PixelError]]]
    clock: Clock
    randomness: Randomness


async def list_failures(query: ListFailures, *, failures: FailureList, set_aside: SetAsideList) -> FailuresPage:
    """Return a page of failures."""
    page = await failures.page(query.which, before=query.before, limit=query.limit)
    counts = await failures.count_by_code(query.which)
    return FailuresPage(page, counts, [] if query.before else await set_aside.latest(MAX_SET_ASIDE))


async def redrive_failures(command: RedriveFailures, *, tools: RedriveTools) -> Redriven:
    """Retry the failures of the filter as new rounds charged to their owners; raise Invalid."""
    _check(command)
    found = await _find(command.which, command.limit, tools)
    if command.dry_run:
        return Redriven([work.job_id for work in found])
    starts = _starts(tools.clock.now(), command.rate_per_second, len(found))
    outcome = Redriven()
    for first in range(0, len(found), AT_ONCE):
        part = await _jobs(found[first : first + AT_ONCE], tools)
        jobs = [job for _, job in part]
        results = await tools.resubmit(jobs, starts[first : first + len(jobs)])
        for (work, _), result in zip(part, results, strict=True):
            if isinstance(result, PixelError):
                outcome.refused[work.job_id] = result.code
                continue
            outcome.job_ids.append(work.job_id)
            await tools.actions.record(_action(work, command.actor, tools))
    return outcome


async def _jobs(works: list[FailedWork], tools: RedriveTools) -> list[tuple[FailedWork, Job]]:
    jobs = await asyncio.gather(*(tools.jobs.find(work.job_id) for work in works))
    return [(work, job) for work, job in zip(works, jobs, strict=True) if job is not None]


def _action(work: FailedWork, actor: str, tools: RedriveTools) -> Action:
    return Action(
        id=tools.randomness.new_id(),
        actor=actor,
        action="redrive",
        created_at=tools.clock.now(),
        user_id=work.user_id,
        job_id=work.job_id,
        metadata={"failureCode": work.failure.code},
    )


async def _find(which: FailureFilter, limit: int, tools: RedriveTools) -> list[FailedWork]:
    found: list[FailedWork] = []
    before = None
    for _ in range(LOOKED_AT):
        page = await tools.failures.page(which, before=before, limit=limit - len(found))
        found += page.items
        before = page.next
        if before is None or len(found) >= limit:
            break
    return found


def _check(command: RedriveFailures) -> None:
    if not command.which.names_something:
        raise _invalid("filter", "Name at least one field of the filter.")
    if not 1 <= command.limit <= MAX_REDRIVEN:
        raise _invalid("limit", f"The limit is 1 to {MAX_REDRIVEN}.")
    rate = command.rate_per_second
    if not math.isfinite(rate) or rate < 0 or (rate and command.limit / rate > MAX_SPREAD.total_seconds()):
        raise _invalid("ratePerSecond", "The rate is 0, or spreads the limit over at most 30 days.")


def _starts(now: datetime, rate_per_second: float, count: int) -> list[datetime]:
    """Return the start time of each; the first one starts at once."""
    return [now + timedelta(seconds=place / rate_per_second if rate_per_second else 0) for place in range(count)]


def _invalid(field_name: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field_name, message),))
