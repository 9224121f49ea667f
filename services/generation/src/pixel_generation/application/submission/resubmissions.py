"""Starts new rounds of ended jobs, under the rules of every submission."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.submission.ports import NewGeneration, SubmissionObserver, Submissions, Verdict
from pixel_generation.application.submission.rejections import rejection
from pixel_generation.domain.errors import PriceUnknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from pixel_generation.application.ports import Catalogues, Clock
    from pixel_generation.domain.catalogue.catalogue import Catalogue
    from pixel_generation.domain.jobs.job import Job


@dataclass(frozen=True)
class ResubmitTools:
    """Ports of a new round."""

    submissions: Submissions
    catalogue: Catalogues
    clock: Clock
    observer: SubmissionObserver
    max_wait: timedelta


async def resubmit_jobs(
    jobs: Sequence[Job], starts: Sequence[datetime] | None = None, *, tools: ResubmitTools
) -> list[Job | PixelError]:
    """Hold the credits of each ended job again and queue it, in order; `starts` has the start times, default now.

    Balance, limits, budgets and queue capacity apply as for a new job. The outcome is the queued job, or an error:
    IllegalTransition when it cannot be retried or was changed meanwhile.
    """
    models, now = await tools.catalogue.current(), tools.clock.now()
    rounds = zip(jobs, starts or [now] * len(jobs), strict=True)
    return list(await asyncio.gather(*(_resubmit(job, models, now, start, tools) for job, start in rounds)))


async def _resubmit(
    job: Job, models: Catalogue, now: datetime, start: datetime, tools: ResubmitTools
) -> Job | PixelError:
    try:
        again = job.retried(at=max(now, start), deadline_at=max(now, start) + tools.max_wait)
        item = NewGeneration(again, cost_usd_micros=_cost_usd_micros(again, models), retried_at=now)
        decision = await tools.submissions.submit(item)
        if decision.verdict is not Verdict.ACCEPTED:
            raise rejection(item, decision, now=now)
    except PixelError as refused:
        tools.observer.submitted(refused.code.lower())
        return refused
    tools.observer.submitted("retried")
    return replace(again, hold_reason=decision.hold_reason, plan=decision.plan)


def _cost_usd_micros(job: Job, models: Catalogue) -> int | None:
    """Return the current expected provider cost; None when the model or its price is gone."""
    model = next((model for model in models.models if model.id == job.work.model), None)
    if model is None:
        return None
    try:
        each = models.price(model, job.work.quality, job.work.size).cost_usd_micros
    except PriceUnknown:
        return None
    return None if each is None else each * job.work.units
