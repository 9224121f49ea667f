"""Accepts submissions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.submission.new_job import JobLimits, SubmitGeneration, new_generation
from pixel_generation.application.submission.ports import (
    Decision,
    NewGeneration,
    SubmissionObserver,
    Submissions,
    Verdict,
)
from pixel_generation.application.submission.rejections import rejection
from pixel_generation.domain.jobs.job import HoldReason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from pixel_generation.application.ports import Catalogues, Clock, Randomness
    from pixel_generation.application.reading.start_estimates import StartEstimates
    from pixel_generation.application.submission.ports import QueueCapacity
    from pixel_generation.domain.jobs.job import Job

__all__ = ["Accepted", "SubmitGeneration", "submit_generations"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job of a submission."""

    job_id: UUID
    job: Job | None
    """The new job; None when the idempotency key belongs to an earlier one."""


async def submit_generations(
    commands: Sequence[SubmitGeneration],
    *,
    catalogue: Catalogues,
    submissions: Submissions,
    clock: Clock,
    randomness: Randomness,
    observer: SubmissionObserver,
    starts: StartEstimates,
    capacity: QueueCapacity,
    max_wait: timedelta,
    max_retries: int,
) -> list[Accepted | PixelError]:
    """Decide each command on its own, in order; the outcome of a refused one is its error."""
    models = await catalogue.current()
    limits = JobLimits(max_wait, max_retries)

    async def one(command: SubmitGeneration) -> Accepted | PixelError:
        try:
            item = new_generation(command, models, now=clock.now(), randomness=randomness, limits=limits)
            item = replace(item, job=await starts.promised(item.job), queue_is_full=capacity.is_full(item.job.queue))
            decision = await submissions.submit(item)
            if decision.verdict is Verdict.ACCEPTED:
                capacity.accepted(item.job.queue)
            retry_after_s = await _retry_after_s(item, decision, starts, capacity)
            return _outcome(item, decision, observer, clock.now(), retry_after_s)
        except PixelError as rejection:
            observer.submitted(rejection.code.lower())
            return rejection

    return list(await asyncio.gather(*map(one, commands)))


async def _retry_after_s(
    item: NewGeneration, decision: Decision, starts: StartEstimates, capacity: QueueCapacity
) -> float | None:
    """Return the Retry-After of a refused request; None when waiting does not help or the time is unknown."""
    match decision.verdict:
        case Verdict.TOO_MANY_OPEN_JOBS:
            return await starts.own_jobs_end_s(item.job, decision.limit)
        case Verdict.QUEUE_FULL:
            return await starts.queue_has_capacity_s(item.job, capacity.refused(item.job.queue))
        case _:
            return None


def _outcome(
    item: NewGeneration,
    decision: Decision,
    observer: SubmissionObserver,
    now: datetime,
    retry_after_s: float | None,
) -> Accepted:
    match decision.verdict:
        case Verdict.ACCEPTED:
            observer.submitted(decision.verdict)
            job = replace(item.job, hold_reason=decision.hold_reason, plan=decision.plan)
            # The end of a user's other jobs is unknown: only a job that is not held gets a quote.
            return Accepted(
                job.id, job if job.hold_reason is HoldReason.NONE else replace(job, start_after=None, start_before=None)
            )
        case Verdict.REPLAYED:
            observer.submitted(decision.verdict)
            return Accepted(decision.job_id, None)
        case _:
            refused = rejection(item, decision, now=now)
            refused.retry_after_s = retry_after_s or refused.retry_after_s
            raise refused
