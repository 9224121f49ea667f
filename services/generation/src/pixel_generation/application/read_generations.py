"""What a user may know about generations, with honest estimates of waiting and running time."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.page import Page
from pixel_generation.application.ports import Clock, GenerationFilter, Queries, Standing
from pixel_generation.domain.errors import GenerationNotFound
from pixel_generation.domain.estimate import LaneSnapshot, remaining_s, start_interval_s
from pixel_generation.domain.job import Gate, Job, Status, StoredEvent
from pixel_generation.domain.lanes import LaneState
from pixel_generation.domain.position import Position

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from pixel_generation.application.live_catalogue import LiveCatalogue

log = logging.getLogger(__name__)

SNAPSHOT_AGE_S = 1.0
MEASURE_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class GenerationView:
    """A job and where it stands."""

    job: Job
    queue_position: int
    """1 for the next one to start, 0 unless it waits or when it is not known; exact up to 1,000."""
    start_interval_s: tuple[float, float] | None
    remaining_s: float | None
    waits_for: str = ""
    """`scheduled`, `capped` or `paused` while it waits and cannot start; empty otherwise."""


@dataclass(frozen=True, slots=True)
class UserEventsPage:
    """Events of all jobs of a user, and where to read on."""

    events: list[tuple[Position, StoredEvent]]
    position: Position
    resync: bool
    """The position asked for was never given out: what happened since then is not known."""


class GenerationReader:
    """Answers questions about generations; measures each lane at most once a second.

    A lane that cannot be measured costs the estimates, never the answer.
    """

    def __init__(
        self, queries: Queries, catalogue: LiveCatalogue, clock: Clock, *, slots: int, lane_slots: Mapping[str, int]
    ) -> None:
        self._queries = queries
        self._catalogue = catalogue
        self._clock = clock
        self._slots = slots
        self._lane_slots = lane_slots
        self._lanes: dict[str, tuple[float, LaneSnapshot | None]] = {}
        self._measuring = asyncio.Lock()

    async def get(self, ids: list[UUID], user_id: UUID) -> dict[UUID, GenerationView]:
        """Return those generations of the user that exist."""
        found = await self._queries.find(ids, user_id)
        return {job_id: await self._view(standing) for job_id, standing in found.items()}

    async def get_one(self, job_id: UUID, user_id: UUID) -> GenerationView:
        """Return one generation; raise GenerationNotFound."""
        view = (await self.get([job_id], user_id)).get(job_id)
        if view is None:
            raise GenerationNotFound
        return view

    async def started(self, job: Job) -> GenerationView:
        """Describe a job that does not wait."""
        return await self._view(Standing(job, 0, LaneState.OPEN))

    async def page(self, which: GenerationFilter, *, before: UUID, limit: int) -> Page[GenerationView, UUID]:
        """Return up to `limit` generations newest first, below the id `before`."""
        page = await self._queries.page(which, before=before, limit=limit)
        return Page([await self._view(standing) for standing in page.items], page.next)

    async def events(self, job_id: UUID, user_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        """Return stored events; raise GenerationNotFound when the generation is not the user's."""
        events = await self._queries.events(job_id, user_id, after=after, limit=limit)
        if not events and job_id not in await self._queries.find([job_id], user_id):
            raise GenerationNotFound
        return events

    async def user_events(self, user_id: UUID, *, after: str, limit: int) -> UserEventsPage:
        """Return events of all jobs of the user behind a position; without one only where now is."""
        position = Position.parse(after) if after else None
        if position is None:
            now = (await self._queries.user_events(user_id, after=Position(0), limit=0)).horizon
            return UserEventsPage([], now, resync=bool(after))
        found = await self._queries.user_events(user_id, after=position, limit=limit)
        if not found.known:
            return UserEventsPage([], found.horizon, resync=True)
        full = len(found.events) == limit
        return UserEventsPage(found.events, found.events[-1][0] if full else found.horizon, resync=False)

    async def accepted(self, job: Job) -> GenerationView:
        """Describe a job that was just accepted: it stands behind all that waited when its lane was last measured."""
        lane = await self._lane(job)
        if lane is None:
            return GenerationView(job, 0, None, None, _waits_for(job, LaneState.OPEN))
        return await self._view(Standing(job, lane.queued, LaneState.OPEN))

    async def _view(self, standing: Standing) -> GenerationView:
        job = standing.job
        if job.status.is_final:
            return GenerationView(job, 0, None, None)
        waits_for = _waits_for(job, standing.lane_state)
        lane = await self._lane(job)
        position = standing.ahead + 1 if job.status is Status.QUEUED else 0
        if lane is None or (position and standing.lane_state is LaneState.PAUSED):
            return GenerationView(job, position, None, None, waits_for)
        now = self._clock.now()
        until_due_s = max(0.0, (job.scheduled_at - now).total_seconds()) if position else 0.0
        remaining = remaining_s(job, position, lane, now)
        interval = start_interval_s(position, lane) if position else None
        return GenerationView(
            job,
            position,
            interval and (interval[0] + until_due_s, interval[1] + until_due_s),
            None if remaining is None else remaining + until_due_s,
            waits_for,
        )

    async def _lane(self, job: Job) -> LaneSnapshot | None:
        """Return the lane as it was within the last second; None when it could not be measured then."""
        async with self._measuring:
            measured_at, snapshot = self._lanes.get(job.lane, (-math.inf, None))
            if time.monotonic() - measured_at < SNAPSHOT_AGE_S:
                return snapshot
            try:
                async with asyncio.timeout(MEASURE_WITHIN_S):
                    snapshot = await self._measure(job)
            except (PixelError, TimeoutError) as error:
                log.warning("lane_not_measured", extra={"lane": job.lane, "error": type(error).__name__})
                snapshot = None
            self._lanes[job.lane] = (time.monotonic(), snapshot)
            return snapshot

    async def _measure(self, job: Job) -> LaneSnapshot:
        measure = await self._queries.measure(job.lane)
        model = next((m for m in (await self._catalogue.current()).models if m.id == job.spec.model), None)
        return LaneSnapshot.measured(
            queued=measure.queued,
            running=measure.running,
            slots=self._lane_slots.get(job.lane, self._slots),
            durations_s=list(measure.durations_s),
            typical_s=model.typical_seconds if model else 10.0,
        )


def _waits_for(job: Job, lane_state: LaneState) -> str:
    """Tell why a waiting job cannot start; empty when only others are ahead of it."""
    if job.status is not Status.QUEUED:
        return ""
    if job.gate is not Gate.OPEN:
        return job.gate.value
    return LaneState.PAUSED.value if lane_state is LaneState.PAUSED else ""
