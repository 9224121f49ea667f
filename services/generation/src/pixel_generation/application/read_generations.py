"""What a user may know about generations, with honest estimates of waiting and running time."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.domain.errors import GenerationNotFound
from pixel_generation.domain.estimate import LaneSnapshot, remaining_s, start_interval_s
from pixel_generation.domain.job import Job, Status, StoredEvent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from pixel_generation.application.live_catalogue import LiveCatalogue
    from pixel_generation.application.ports import Clock, Queries

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
        return {job_id: await self._view(job, ahead) for job_id, (job, ahead) in found.items()}

    async def get_one(self, job_id: UUID, user_id: UUID) -> GenerationView:
        """Return one generation; raise GenerationNotFound."""
        view = (await self.get([job_id], user_id)).get(job_id)
        if view is None:
            raise GenerationNotFound
        return view

    async def page(
        self, user_id: UUID, *, before: UUID | None, status: Status | None, limit: int, key: str = ""
    ) -> list[GenerationView]:
        """Return up to `limit` generations newest first; with a key only those submitted under it."""
        rows = await self._queries.page(user_id, before=before, status=status, limit=limit, key=key)
        return [await self._view(job, ahead) for job, ahead in rows]

    async def events(self, job_id: UUID, user_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        """Return stored events; raise GenerationNotFound when the generation is not the user's."""
        events = await self._queries.events(job_id, user_id, after=after, limit=limit)
        if not events and job_id not in await self._queries.find([job_id], user_id):
            raise GenerationNotFound
        return events

    async def accepted(self, job: Job) -> GenerationView:
        """Describe a job that was just accepted: it stands behind all that waited when its lane was last measured."""
        lane = await self._lane(job)
        return GenerationView(job, 0, None, None) if lane is None else await self._view(job, lane.queued)

    async def _view(self, job: Job, ahead: int) -> GenerationView:
        if job.status.is_final:
            return GenerationView(job, 0, None, None)
        lane = await self._lane(job)
        position = ahead + 1 if job.status is Status.QUEUED else 0
        if lane is None:
            return GenerationView(job, position, None, None)
        interval = start_interval_s(position, lane) if position else None
        return GenerationView(job, position, interval, remaining_s(job, position, lane, self._clock.now()))

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
