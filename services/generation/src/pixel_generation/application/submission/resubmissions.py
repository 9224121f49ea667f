"""Begin new rounds of ended jobs, under the rules of every submission."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.submission.ports import NewGeneration, SubmissionObserver, Submissions, Verdict
from pixel_generation.application.submission.rejections import rejection
from pixel_generation.domain.errors import PriceUnknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from pixel_generation.application.ports import Clock
    from pixel_generation.application.reading.live_catalogue import LiveCatalogue
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.routing.catalogue import Catalogue


class Resubmissions:
    """Holds the credits of a job again and queues it; balance, limits, budgets and depth decide as for a new job."""

    def __init__(
        self,
        submissions: Submissions,
        catalogue: LiveCatalogue,
        clock: Clock,
        observer: SubmissionObserver,
        *,
        max_wait: timedelta,
    ) -> None:
        self._submissions = submissions
        self._catalogue = catalogue
        self._clock = clock
        self._observer = observer
        self._max_wait = max_wait

    async def resubmit(
        self, jobs: Sequence[Job], *, starts: Sequence[datetime] | None = None
    ) -> list[Job | PixelError]:
        """Decide each ended job on its own, in order; `starts` says when each may start, at once when it is None.

        The outcome is the job as it is queued, or the reason why not: IllegalTransition when it cannot be retried or
        has moved on meanwhile.
        """
        models, now = await self._catalogue.current(), self._clock.now()
        return list(
            await asyncio.gather(
                *(
                    self._one(job, models, now, start)
                    for job, start in zip(jobs, starts or [now] * len(jobs), strict=True)
                )
            )
        )

    async def _one(self, job: Job, models: Catalogue, now: datetime, start: datetime) -> Job | PixelError:
        try:
            again = job.retried(at=max(now, start), deadline_at=max(now, start) + self._max_wait)
            item = NewGeneration(again, cost_usd_micros=_cost_usd_micros(again, models), retried_at=now)
            decision = await self._submissions.submit(item)
            if decision.verdict is not Verdict.ACCEPTED:
                raise rejection(item, decision, now=now)
        except PixelError as refused:
            self._observer.submitted(refused.code.lower())
            return refused
        self._observer.submitted("retried")
        return replace(again, hold_reason=decision.hold_reason, plan=decision.plan)


def _cost_usd_micros(job: Job, models: Catalogue) -> int | None:
    """Return what the provider is expected to charge now; None when the model or its price is gone."""
    model = next((model for model in models.models if model.id == job.work.model), None)
    if model is None:
        return None
    try:
        each = models.price(model, job.work.quality, job.work.size).cost_usd_micros
    except PriceUnknown:
        return None
    return None if each is None else each * job.work.units
