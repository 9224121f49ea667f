"""The leader's slow round: dead leases, deadlines, lost wake-ups, old keys."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_generation.application.ports import Clock, Holder, Housekeeping, ImageModel, JobObserver, Jobs
from pixel_generation.domain.errors import ModelNotFound
from pixel_generation.domain.job import Job, Status
from pixel_generation.domain.recovery import MODEL_GONE, RetryPolicy, after_deadline, after_lost_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_generation.application.live_catalogue import LiveCatalogue

log = logging.getLogger(__name__)

BATCH = 100
DEADLINE_GRACE = timedelta(seconds=10)
KEYS_KEPT = timedelta(hours=72)


@dataclass(frozen=True)
class SweepTools:
    """Collaborators of the sweep."""

    jobs: Jobs
    housekeeping: Housekeeping
    catalogue: LiveCatalogue
    providers: Mapping[str, ImageModel]
    clock: Clock
    observer: JobObserver
    policy: RetryPolicy


async def sweep_jobs(*, tools: SweepTools) -> int:
    """Do one round if this process leads; return how many jobs were changed."""
    async with tools.housekeeping.lead() as leading:
        if not leading:
            return 0
        changed = 0
        for job in await tools.jobs.abandoned(BATCH):
            changed += await _take_over(job, tools)
        for job in await tools.jobs.overdue(BATCH):
            changed += await _end_overdue(job, tools)
        changed += await _end_unserved(tools)
        await tools.housekeeping.wake_lanes()
        await tools.housekeeping.purge(before=tools.clock.now() - KEYS_KEPT, limit=1_000)
        for lane, waiting in (await tools.housekeeping.queue_depths()).items():
            tools.observer.queue_depth(lane, waiting)
        return changed


async def _take_over(job: Job, tools: SweepTools) -> bool:
    repeatable = await _is_repeatable(job, tools)
    changes = after_lost_run(job, repeatable=repeatable, policy=tools.policy, now=tools.clock.now())
    return await _write(job, changes, Holder.HEIR, "lease_over", tools)


async def _end_overdue(job: Job, tools: SweepTools) -> bool:
    now = tools.clock.now()
    if job.status is Status.PROCESSING and now < job.deadline_at + DEADLINE_GRACE:
        return False  # its worker ends it, and knows more
    changes = after_deadline(job, repeatable=await _is_repeatable(job, tools), now=now)
    return await _write(job, changes, Holder.CLOCK, "deadline", tools)


async def _end_unserved(tools: SweepTools) -> int:
    """End what waits for a withdrawn model where no worker looks; in lanes they claim from, the workers do it."""
    catalogue = await tools.catalogue.current()
    jobs = await tools.housekeeping.unserved(BATCH, lanes=catalogue.lanes(), models=catalogue.names())
    now = tools.clock.now()
    ended = [await _write(job, (job.failed(MODEL_GONE, at=now),), Holder.CLOCK, "model_gone", tools) for job in jobs]
    return sum(ended)


async def _is_repeatable(job: Job, tools: SweepTools) -> bool:
    """Whether the model may be called again; a model that is gone or not configured here may not."""
    try:
        model = (await tools.catalogue.current()).find(job.spec.model)
    except ModelNotFound:
        return False
    provider = tools.providers.get(model.provider)
    return provider is not None and provider.repeatable


async def _write(job: Job, changes: tuple[Job, ...], holder: Holder, reason: str, tools: SweepTools) -> bool:
    for change in changes:
        if not await tools.jobs.write(job, change, holder=holder):
            tools.observer.fenced()
            return False
        job = change
    log.info("job_swept", extra={"job_id": job.id.hex, "status": job.status.value, "reason": reason})
    if job.status.is_final:
        tools.observer.ended(job)
    else:
        tools.observer.requeued(reason)
    return True
