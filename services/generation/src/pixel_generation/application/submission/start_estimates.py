"""Quotes when a job will start, at submission, so that the quote can be held against the start."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.submission.retry_after import own_jobs_end_s, queue_has_capacity_s
from pixel_generation.domain.jobs.job import HoldReason
from pixel_generation.domain.providers.breaker import BreakerState
from pixel_generation.domain.queueing.queues import QueueState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixel_generation.application.reading.live_catalogue import LiveCatalogue
    from pixel_generation.application.submission.ports import QueueSnapshots
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.queueing.queue_snapshot import QueueSnapshot
    from pixel_generation.domain.routing.catalogue import Model

log = logging.getLogger(__name__)

FRESH_S = 1.0
USABLE_S = 10.0
READ_WITHIN_S = 1.0


class StartEstimates:
    """Reads the snapshot of a queue at most once a second, beside the submissions and never in their way."""

    def __init__(
        self,
        snapshots: QueueSnapshots,
        catalogue: LiveCatalogue,
        *,
        slots: int,
        queue_slots: Mapping[str, int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._snapshots = snapshots
        self._catalogue = catalogue
        self._slots = slots
        self._queue_slots = queue_slots
        self._monotonic = monotonic
        self._read: dict[str, tuple[float, QueueSnapshot]] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._rests_until: dict[str, float] = {}

    async def interval_s(self, job: Job) -> tuple[float, float] | None:
        """Return earliest and latest start of a new job, seconds from now; None when it cannot be known."""
        snapshot = await self.snapshot(job)
        if snapshot is None or job.scheduled_at > job.created_at or not await self.can_start(job):
            return None
        return snapshot.start_interval_s(job.user_id, job.priority)

    async def run_s(self, job: Job) -> float:
        """Return the seconds that a run of the job is expected to take: what the queue's latest took, by units."""
        models = await self._catalogue.current()
        typical_s = next((model.typical_seconds for model in models.models if model.id == job.work.model), 0.0)
        snapshot = await self.snapshot(job)
        return typical_s if snapshot is None else snapshot.run_s(job.work.units)

    async def own_jobs_end_s(self, job: Job, max_open_jobs: int) -> float:
        """Return when the owner of a refused job may expect places again, seconds from now."""
        return own_jobs_end_s(await self.snapshot(job), job.user_id, max_open_jobs)

    async def queue_has_capacity_s(self, job: Job, refused: int) -> float:
        """Return when the queue of a refused job may have room again, seconds from now."""
        return queue_has_capacity_s(await self.snapshot(job), refused)

    async def promised(self, job: Job) -> Job:
        """Return the new job with its quote, and count it in for those that come after it."""
        snapshot = await self.snapshot(job)
        if snapshot is None or job.scheduled_at > job.created_at:
            return job
        interval = snapshot.start_interval_s(job.user_id, job.priority)
        snapshot.add(job.user_id, job.priority, job.work.units)
        if interval is None or not await self.can_start(job):
            return job
        earliest, latest = (job.created_at + timedelta(seconds=seconds) for seconds in interval)
        return replace(job, start_after=earliest, start_before=latest)

    async def can_start(self, job: Job) -> bool:
        """Tell whether its turn is all that the job waits for.

        Nobody knows when a place is free, a paused queue goes on, or a provider that is down.
        """
        models = await self._catalogue.current()
        model = next((model for model in models.models if model.id == job.work.model), None)
        return (
            model is not None
            and job.hold_reason is HoldReason.NONE
            and models.queue_state(model) is not QueueState.PAUSED
            and models.health(model) is BreakerState.CLOSED
        )

    async def newest_snapshot(self, job: Job) -> QueueSnapshot | None:
        """Return the job's queue as it was within the last second; None when it could not be read then."""
        read_at_s, snapshot = self._read.get(job.queue, (float("-inf"), None))
        if self._monotonic() - read_at_s < FRESH_S:
            return snapshot
        if (reading := await self._read_once(job)) is None:
            return None
        await asyncio.shield(reading)
        read_at_s, snapshot = self._read.get(job.queue, (float("-inf"), None))
        return snapshot if self._monotonic() - read_at_s < FRESH_S else None

    async def snapshot(self, job: Job) -> QueueSnapshot | None:
        """Return the job's queue, a little older where the newest would have to be waited for."""
        now_s = self._monotonic()
        read_at_s, snapshot = self._read.get(job.queue, (float("-inf"), None))
        if now_s - read_at_s < FRESH_S:
            return snapshot
        await self._read_once(job)
        return snapshot if now_s - read_at_s < USABLE_S else await self.newest_snapshot(job)

    async def _read_once(self, job: Job) -> asyncio.Task[None] | None:
        """Return the reading of the job's queue that is under way; None for a queue of no model, or in trouble."""
        models = await self._catalogue.current()
        model = next((model for model in models.models if model.id == job.work.model), None)
        reading = self._reading.get(job.queue)
        rests = self._monotonic() < self._rests_until.get(job.queue, 0.0)
        if reading is None and model is not None and not rests:
            reading = asyncio.create_task(self._read_again(model), name=f"snapshot-{job.queue}")
            self._reading[job.queue] = reading
        return reading

    async def _read_again(self, model: Model) -> None:
        queue = model.queue
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                slots = self._queue_slots.get(queue, self._slots)
                snapshot = await self._snapshots.snapshot(queue, slots=slots, typical_s=model.typical_seconds)
        except (PixelError, TimeoutError) as error:
            log.warning("queue_not_read", extra={"queue": queue, "error": type(error).__name__})
            self._rests_until[queue] = self._monotonic() + FRESH_S
        else:
            self._read[queue] = (self._monotonic(), snapshot)
        finally:
            del self._reading[queue]
