"""The users' reads of generations, with estimates of wait and run time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pixel_generation.application.reading.page import Page
from pixel_generation.application.reading.ports import GenerationFilter, PositionedJob, Queries
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.errors import GenerationNotFound
from pixel_generation.domain.jobs.job import HoldReason, Job, Status, StoredEvent
from pixel_generation.domain.queueing.estimate import remaining_s
from pixel_generation.domain.queueing.position import Position
from pixel_generation.domain.queueing.queues import PositionReason

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.application.ports import Clock
    from pixel_generation.application.reading.start_estimates import StartEstimates

POSITIONS_KEPT = 50_000
COUNTED_AHEAD = 1_000


@dataclass(frozen=True, slots=True)
class GenerationView:
    """A job with its position and estimates."""

    job: Job
    queue_position: int
    """1 for the next one to start, 0 when it is not queued or not known; exact up to 1,000."""
    start_interval_s: tuple[float, float] | None
    remaining_s: float | None
    waits_for: str = ""
    """`scheduled`, `capped` or `paused` while it is queued and cannot start; empty otherwise."""
    position_reason: PositionReason | None = None
    """Why jobs accepted later are ahead; None when there are none."""


@dataclass(frozen=True, slots=True)
class UserEventsPage:
    """Events of all jobs of a user, and the next position."""

    events: list[tuple[Position, StoredEvent]]
    position: Position
    resync: bool
    """The requested position was never issued: events since then are unknown."""


class ReportedPositions:
    """The lowest recently reported position of each generation, so that a higher one is reported with a reason."""

    def __init__(self) -> None:
        self._lowest: OrderedDict[UUID, int] = OrderedDict()

    def reason(self, job_id: UUID, position: int, known: PositionReason | None) -> PositionReason | None:
        """Record a position; return the reason when it is above one reported before."""
        lowest = min(position, self._lowest.pop(job_id, position))
        self._lowest[job_id] = lowest
        while len(self._lowest) > POSITIONS_KEPT:
            self._lowest.popitem(last=False)
        return known or (PositionReason.RETURNED if position > lowest else None)


@dataclass(frozen=True)
class ReadTools:
    """Ports of reads. Without a readable queue the estimates are missing, but the read succeeds."""

    queries: Queries
    starts: StartEstimates
    clock: Clock
    positions: ReportedPositions = field(default_factory=ReportedPositions)


@dataclass(frozen=True, slots=True)
class ListGenerations:
    """Up to `limit` generations, newest first, below the id `before`."""

    which: GenerationFilter
    before: UUID
    limit: int


@dataclass(frozen=True, slots=True)
class ListEvents:
    """Stored events of one generation with a sequence greater than `after`."""

    job_id: UUID
    user_id: UUID
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class ListUserEvents:
    """Events of all jobs of a user after a position; without one only the current position."""

    user_id: UUID
    after: str
    limit: int


async def find_generation(job_id: UUID, user_id: UUID, *, tools: ReadTools) -> GenerationView:
    """Return one generation; raise GenerationNotFound."""
    found = await tools.queries.find([job_id], user_id)
    if job_id not in found:
        raise GenerationNotFound
    return await _view(found[job_id], tools)


async def list_generations(query: ListGenerations, *, tools: ReadTools) -> Page[GenerationView, UUID]:
    """Return a page of generations."""
    page = await tools.queries.page(query.which, before=query.before, limit=query.limit)
    return Page([await _view(positioned, tools) for positioned in page.items], page.next)


async def list_events(query: ListEvents, *, tools: ReadTools) -> list[StoredEvent]:
    """Return stored events; raise GenerationNotFound when the generation is not the user's."""
    job_id, user_id = query.job_id, query.user_id
    events = await tools.queries.events(job_id, user_id, after=query.after, limit=query.limit)
    if not events and job_id not in await tools.queries.find([job_id], user_id):
        raise GenerationNotFound
    return events


async def list_user_events(query: ListUserEvents, *, tools: ReadTools) -> UserEventsPage:
    """Return events and the next position."""
    position = Position.parse(query.after) if query.after else None
    if position is None:
        now = (await tools.queries.user_events(query.user_id, after=Position(0), limit=0)).horizon
        return UserEventsPage([], now, resync=bool(query.after))
    found = await tools.queries.user_events(query.user_id, after=position, limit=query.limit)
    if not found.known:
        return UserEventsPage([], found.horizon, resync=True)
    full = len(found.events) == query.limit
    return UserEventsPage(found.events, found.events[-1][0] if full else found.horizon, resync=False)


async def describe_job(job: Job, *, tools: ReadTools) -> GenerationView:
    """Return the view of a job that is not queued."""
    return await _view(PositionedJob(job, 0, QueueState.OPEN), tools)


async def describe_accepted(job: Job, *, tools: ReadTools) -> GenerationView:
    """Return the view of a newly accepted job, with its quoted start.

    The position of a held job is counted at the next read.
    """
    waits_for = _waits_for(job, QueueState.OPEN)
    snapshot = await tools.starts.snapshot(job)
    if snapshot is None or waits_for:
        return GenerationView(job, 0, None, None, waits_for)
    interval = None
    if job.start_after is not None and job.start_before is not None:
        interval = (
            (job.start_after - job.created_at).total_seconds(),
            (job.start_before - job.created_at).total_seconds(),
        )
    ahead = snapshot.newest_ahead(job.user_id, job.priority, job.work.units)
    return GenerationView(job, ahead + 1, interval, remaining_s(job, interval, snapshot, tools.clock.now()), waits_for)


async def _view(positioned: PositionedJob, tools: ReadTools) -> GenerationView:
    job = positioned.job
    if job.status.is_final:
        return GenerationView(job, 0, None, None)
    snapshot = await tools.starts.newest_snapshot(job)
    position, reason, interval = 0, None, None
    if job.status is Status.QUEUED:
        position = positioned.ahead + 1
        reason = tools.positions.reason(job.id, position, positioned.position_reason)
        if snapshot is not None and positioned.ahead < COUNTED_AHEAD and await tools.starts.can_start(job):
            interval = snapshot.waiting_interval_s(positioned.ahead)
    return GenerationView(
        job,
        position,
        interval,
        None if snapshot is None else remaining_s(job, interval, snapshot, tools.clock.now()),
        _waits_for(job, positioned.queue_state),
        reason,
    )


def _waits_for(job: Job, queue_state: QueueState) -> str:
    """Return why a queued job cannot start; empty when it only waits for its turn."""
    if job.status is not Status.QUEUED:
        return ""
    if job.hold_reason is not HoldReason.NONE:
        return job.hold_reason.value
    return QueueState.PAUSED.value if queue_state is QueueState.PAUSED else ""
