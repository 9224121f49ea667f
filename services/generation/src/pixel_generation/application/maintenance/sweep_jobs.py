"""The leader's slow round: dead leases, deadlines, unknown calls, missed holds, long waits, lost signals, old rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_generation.application.ports import Clock, Writer
from pixel_generation.domain.errors import ModelNotFound
from pixel_generation.domain.jobs.job import Job, Stage, Status
from pixel_generation.domain.jobs.recovery import MODEL_GONE, RetryPolicy, after_deadline, after_lookup, after_lost_run
from pixel_generation.domain.providers.provider import Outcome, ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_generation.application.execution.ports import JobObserver, Jobs
    from pixel_generation.application.execution.runner import Runner
    from pixel_generation.application.maintenance.ports import (
        CallLookup,
        EngineObserver,
        Housekeeping,
        QueueHolds,
        Reconciling,
        UnknownCalls,
    )
    from pixel_generation.application.ports import Catalogues

log = logging.getLogger(__name__)

BATCH = 100
HOLDS_AT_ONCE = 1_000
HEAD = 500
"""Jobs of a class and queue that a round looks at for having waited too long: more than start in that time."""
DEADLINE_GRACE = timedelta(seconds=10)
KEYS_KEPT = timedelta(hours=72)
ARCHIVED_AT_ONCE = 1_000
"""Every two seconds: more than ever end in that time, on average over days."""


@dataclass(frozen=True)
class SweepTools:
    """Collaborators of the sweep."""

    jobs: Jobs
    housekeeping: Housekeeping
    catalogue: Catalogues
    runners: Mapping[str, Runner]
    clock: Clock
    observer: JobObserver
    policy: RetryPolicy
    queue_holds: QueueHolds
    calls: UnknownCalls
    engine_observer: EngineObserver
    lookups: Mapping[str, CallLookup]
    """Providers that can tell what became of a call."""
    archive_after: timedelta = timedelta(days=30)
    """Age since its end at which a job leaves the table that the engine works on."""


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
        changed += await _look_up_unknown(tools)
        changed += await _end_missed_holds(tools)
        tools.engine_observer.aged(await tools.queue_holds.age(HEAD))
        changed += await _end_unserved(tools)
        await tools.housekeeping.signal_queues()
        now = tools.clock.now()
        await tools.housekeeping.purge(before=now - KEYS_KEPT, limit=1_000)
        moved = await tools.housekeeping.archive(before=now - tools.archive_after, limit=ARCHIVED_AT_ONCE)
        tools.engine_observer.archived(moved)
        for queue, waiting in (await tools.housekeeping.queue_depths()).items():
            tools.observer.queue_depth(queue, waiting)
        return changed


async def end_due_holds(*, queue_holds: QueueHolds, observer: EngineObserver) -> int:
    """Let jobs go whose time has come; any process may do it at any time."""
    opened = await queue_holds.end_due(HOLDS_AT_ONCE)
    if opened:
        observer.holds_ended(opened, "due")
    return opened


async def _end_missed_holds(tools: SweepTools) -> int:
    opened = await tools.queue_holds.end_missed()
    if opened:
        tools.engine_observer.holds_ended(opened, "missed")
    return opened


async def _take_over(job: Job, tools: SweepTools) -> bool:
    repeatable = await _is_repeatable(job, tools)
    changes = after_lost_run(job, repeatable=repeatable, policy=tools.policy, now=tools.clock.now())
    return await _write(job, changes, Writer.RECLAIMER, "lease_over", tools)


async def _end_overdue(job: Job, tools: SweepTools) -> bool:
    now = tools.clock.now()
    has_worker = job.status is Status.PROCESSING and job.stage is not Stage.RECONCILING
    if has_worker and now < job.deadline_at + DEADLINE_GRACE:
        return False  # its worker ends it, and knows more
    changes = after_deadline(job, repeatable=await _is_repeatable(job, tools), now=now)
    return await _write(job, changes, Writer.TIMEOUT, "deadline", tools)


async def _look_up_unknown(tools: SweepTools) -> int:
    """Ask providers that can tell what became of calls with an unknown outcome."""
    waiting = await tools.calls.reconciling(BATCH)
    tools.engine_observer.reconciling(len(waiting))
    changed = 0
    for call in waiting:
        outcome = await _outcome_of(call, tools)
        changes = after_lookup(call.job, outcome, policy=tools.policy, now=tools.clock.now())
        changed += await _write(call.job, changes, Writer.TIMEOUT, "looked_up", tools)
    return changed


async def _outcome_of(call: Reconciling, tools: SweepTools) -> Outcome:
    try:
        model = (await tools.catalogue.current()).find(call.job.work.model)
    except ModelNotFound:
        return Outcome.UNKNOWN
    lookup = tools.lookups.get(model.provider)
    if lookup is None:
        return Outcome.UNKNOWN
    try:
        return await lookup.look_up(
            generation_id=f"gen_{call.job.id.hex}",
            attempt=call.job.attempt,
            provider_request_id=call.provider_request_id,
        )
    except ProviderError as error:
        log.warning("lookup_failed", extra={"job_id": call.job.id.hex, "reason": error.failure_code})
        return Outcome.UNKNOWN


async def _end_unserved(tools: SweepTools) -> int:
    """End what waits for a withdrawn model where no worker looks; in queues they claim from, the workers do it."""
    catalogue = await tools.catalogue.current()
    jobs = await tools.housekeeping.unserved(BATCH, queues=catalogue.queues(), models=catalogue.names())
    now = tools.clock.now()
    ended = [await _write(job, (job.failed(MODEL_GONE, at=now),), Writer.TIMEOUT, "model_gone", tools) for job in jobs]
    return sum(ended)


async def _is_repeatable(job: Job, tools: SweepTools) -> bool:
    """Whether the job may be run again; one whose model is gone or whose kind is not known here may not."""
    try:
        model = (await tools.catalogue.current()).find(job.work.model)
    except ModelNotFound:
        return False
    runner = tools.runners.get(job.kind)
    return runner is not None and runner.is_repeatable(model)


async def _write(job: Job, changes: tuple[Job, ...], writer: Writer, reason: str, tools: SweepTools) -> bool:
    for change in changes:
        if not await tools.jobs.write(job, change, writer=writer):
            tools.observer.fenced()
            return False
        job = change
    if not changes:
        return False
    log.info("job_swept", extra={"job_id": job.id.hex, "status": job.status.value, "reason": reason})
    if job.status.is_final:
        tools.observer.ended(job)
    elif job.status is Status.QUEUED:
        tools.observer.requeued(reason)
    return True
