"""Quotes when a job will start, at submission, so that the quote can be held against the start."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.retry_after import lane_has_room_s, own_jobs_end_s
from pixel_generation.domain.breaker import BreakerState
from pixel_generation.domain.job import Gate
from pixel_generation.domain.lanes import LaneState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixel_generation.application.eta_ports import QueueOutlines
    from pixel_generation.application.live_catalogue import LiveCatalogue
    from pixel_generation.domain.catalogue import Model
    from pixel_generation.domain.job import Job
    from pixel_generation.domain.queue_outline import QueueOutline

log = logging.getLogger(__name__)

FRESH_S = 1.0
USABLE_S = 10.0
READ_WITHIN_S = 1.0


class StartQuotes:
    """Reads the outline of a lane at most once a second, beside the submissions and never in their way."""

    def __init__(
        self,
        outlines: QueueOutlines,
        catalogue: LiveCatalogue,
        *,
        slots: int,
        lane_slots: Mapping[str, int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outlines = outlines
        self._catalogue = catalogue
        self._slots = slots
        self._lane_slots = lane_slots
        self._monotonic = monotonic
        self._read: dict[str, tuple[float, QueueOutline]] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._rests_until: dict[str, float] = {}

    async def interval_s(self, job: Job) -> tuple[float, float] | None:
        """Return earliest and latest start of a new job, seconds from now; None when it cannot be known."""
        outline = await self.outline(job)
        if outline is None or job.scheduled_at > job.created_at or not await self.can_start(job):
            return None
        return outline.start_interval_s(job.user_id, job.priority)

    async def run_s(self, job: Job) -> float:
        """Return the seconds that a run of the job is expected to take: what the lane's latest took, by pictures."""
        models = await self._catalogue.current()
        typical_s = next((model.typical_seconds for model in models.models if model.id == job.spec.model), 0.0)
        outline = await self.outline(job)
        return typical_s if outline is None else outline.run_s(job.spec.number_of_images)

    async def own_jobs_end_s(self, job: Job, max_open_jobs: int) -> float:
        """Return when the owner of a refused job may expect places again, seconds from now."""
        return own_jobs_end_s(await self.outline(job), job.user_id, max_open_jobs)

    async def lane_has_room_s(self, job: Job, refused: int) -> float:
        """Return when the lane of a refused job may have room again, seconds from now."""
        return lane_has_room_s(await self.outline(job), refused)

    async def promised(self, job: Job) -> Job:
        """Return the new job with its quote, and count it in for those that come after it."""
        outline = await self.outline(job)
        if outline is None or job.scheduled_at > job.created_at:
            return job
        interval = outline.start_interval_s(job.user_id, job.priority)
        outline.add(job.user_id, job.priority, job.spec.number_of_images)
        if interval is None or not await self.can_start(job):
            return job
        earliest, latest = (job.created_at + timedelta(seconds=seconds) for seconds in interval)
        return replace(job, start_after=earliest, start_before=latest)

    async def can_start(self, job: Job) -> bool:
        """Tell whether its turn is all that the job waits for.

        Nobody knows when a place is free, a paused lane goes on, or a provider that is down.
        """
        models = await self._catalogue.current()
        model = next((model for model in models.models if model.id == job.spec.model), None)
        return (
            model is not None
            and job.gate is Gate.OPEN
            and models.lane_state(model) is not LaneState.PAUSED
            and models.health(model) is BreakerState.CLOSED
        )

    async def newest_outline(self, job: Job) -> QueueOutline | None:
        """Return the job's lane as it was within the last second; None when it could not be read then."""
        read_at_s, outline = self._read.get(job.lane, (float("-inf"), None))
        if self._monotonic() - read_at_s < FRESH_S:
            return outline
        if (reading := await self._read_once(job)) is None:
            return None
        await asyncio.shield(reading)
        read_at_s, outline = self._read.get(job.lane, (float("-inf"), None))
        return outline if self._monotonic() - read_at_s < FRESH_S else None

    async def outline(self, job: Job) -> QueueOutline | None:
        """Return the job's lane, a little older where the newest would have to be waited for."""
        now_s = self._monotonic()
        read_at_s, outline = self._read.get(job.lane, (float("-inf"), None))
        if now_s - read_at_s < FRESH_S:
            return outline
        await self._read_once(job)
        return outline if now_s - read_at_s < USABLE_S else await self.newest_outline(job)

    async def _read_once(self, job: Job) -> asyncio.Task[None] | None:
        """Return the reading of the job's lane that is under way; None for a lane of no model, or in trouble."""
        models = await self._catalogue.current()
        model = next((model for model in models.models if model.id == job.spec.model), None)
        reading = self._reading.get(job.lane)
        rests = self._monotonic() < self._rests_until.get(job.lane, 0.0)
        if reading is None and model is not None and not rests:
            reading = asyncio.create_task(self._read_again(model), name=f"outline-{job.lane}")
            self._reading[job.lane] = reading
        return reading

    async def _read_again(self, model: Model) -> None:
        lane = model.lane
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                slots = self._lane_slots.get(lane, self._slots)
                outline = await self._outlines.outline(lane, slots=slots, typical_s=model.typical_seconds)
        except (PixelError, TimeoutError) as error:
            log.warning("lane_not_outlined", extra={"lane": lane, "error": type(error).__name__})
            self._rests_until[lane] = self._monotonic() + FRESH_S
        else:
            self._read[lane] = (self._monotonic(), outline)
        finally:
            del self._reading[lane]
