"""Quotes the start time of a job at submission, to be compared with the actual start."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_generation.application.reading.retry_after import own_jobs_end_s, queue_has_capacity_s
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.jobs.job import HoldReason
from pixel_generation.domain.providers.breaker import BreakerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_generation.application.ports import Catalogues
    from pixel_generation.application.reading.ports import QueueSnapshots
    from pixel_generation.domain.catalogue.catalogue import Model
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.queueing.queue_snapshot import QueueSnapshot


class StartEstimates:
    """Estimates from a job's queue. Without a readable queue the estimate is missing, but the call succeeds."""

    def __init__(
        self,
        snapshots: QueueSnapshots,
        catalogue: Catalogues,
        *,
        slots: int,
        queue_slots: Mapping[str, int],
    ) -> None:
        self._snapshots = snapshots
        self._catalogue = catalogue
        self._slots = slots
        self._queue_slots = queue_slots

    async def interval_s(self, job: Job) -> tuple[float, float] | None:
        """Return earliest and latest start of a new job, seconds from now; None when unknown."""
        snapshot = await self.snapshot(job)
        if snapshot is None or job.scheduled_at > job.created_at or not await self.can_start(job):
            return None
        return snapshot.start_interval_s(job.user_id, job.priority)

    async def run_s(self, job: Job) -> float:
        """Return the expected run time of the job in seconds, from the queue's latest runs."""
        snapshot = await self.snapshot(job)
        if snapshot is not None:
            return snapshot.run_s(job.work.units)
        model = await self._model_of(job)
        return model.typical_seconds if model is not None else 0.0

    async def own_jobs_end_s(self, job: Job, max_open_jobs: int) -> float:
        """Return the seconds until the owner of a refused job can expect to have fewer open jobs."""
        return own_jobs_end_s(await self.snapshot(job), job.user_id, max_open_jobs)

    async def queue_has_capacity_s(self, job: Job, refused: int) -> float:
        """Return the seconds until the queue of a refused job can be expected to have capacity."""
        return queue_has_capacity_s(await self.snapshot(job), refused)

    async def promised(self, job: Job) -> Job:
        """Return the new job with its quote, and add it to the snapshot for later jobs."""
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
        """Return whether the job only waits for its turn.

        The end of a hold, of a paused queue or of a provider outage is unknown.
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
        """Return a snapshot of the job's queue of the last second; None when unknown."""
        model = await self._model_of(job)
        if model is None:
            return None
        return await self._snapshots.newest(job.queue, slots=self._slots_of(job.queue), typical_s=model.typical_seconds)

    async def snapshot(self, job: Job) -> QueueSnapshot | None:
        """Return the latest snapshot of the job's queue without waiting for a read."""
        model = await self._model_of(job)
        if model is None:
            return None
        return await self._snapshots.recent(job.queue, slots=self._slots_of(job.queue), typical_s=model.typical_seconds)

    async def _model_of(self, job: Job) -> Model | None:
        models = await self._catalogue.current()
        return next((model for model in models.models if model.id == job.work.model), None)

    def _slots_of(self, queue: str) -> int:
        return self._queue_slots.get(queue, self._slots)
