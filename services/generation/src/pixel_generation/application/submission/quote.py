"""Quotes cost, model and start time of a request without submitting it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixel_generation.application.submission.new_job import JobLimits, SubmitGeneration, new_generation
from pixel_generation.application.submission.ports import Verdict
from pixel_generation.application.submission.rejections import rejection

if TYPE_CHECKING:
    from pixel_generation.application.ports import Catalogues, Clock, Randomness
    from pixel_generation.application.reading.start_estimates import StartEstimates
    from pixel_generation.application.submission.ports import DryRuns, QueueCapacity
    from pixel_generation.domain.jobs.job import Job


@dataclass(frozen=True, slots=True)
class Quote:
    """The result a submission would have now."""

    job: Job
    """The job as it would be accepted."""
    credits_per_unit: int
    start_interval_s: tuple[float, float] | None
    run_s: float
    available_credits: int
    would_be_refused: str
    """Reason of the rejection; empty when it would be accepted."""


async def quote_generation(
    command: SubmitGeneration,
    *,
    dry_runs: DryRuns,
    catalogue: Catalogues,
    starts: StartEstimates,
    capacity: QueueCapacity,
    clock: Clock,
    randomness: Randomness,
    limits: JobLimits,
) -> Quote:
    """Price and route the request; raises the errors of a submission for unsupported work."""
    now = clock.now()
    models = await catalogue.current()
    item = new_generation(replace(command, idempotency_key=""), models, now=now, randomness=randomness, limits=limits)
    decision = await dry_runs.dry_run(replace(item, queue_is_full=capacity.is_full(item.job.queue)))
    is_accepted = decision.verdict is Verdict.ACCEPTED
    job = replace(item.job, hold_reason=decision.hold_reason) if is_accepted else item.job
    return Quote(
        job=job,
        credits_per_unit=job.cost_credits // job.work.units,
        start_interval_s=await starts.interval_s(job),
        run_s=await starts.run_s(job),
        available_credits=decision.available,
        would_be_refused="" if is_accepted else rejection(item, decision, now=now).code,
    )
