"""Cancels generations of a user."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import PixelError
from pixel_errors.backoff import backoff_s

from pixel_generation.application.ports import Clock, Writer
from pixel_generation.application.submission.owned_jobs import find_named
from pixel_generation.domain.errors import GenerationNotFound
from pixel_generation.domain.jobs.cancellation import CancelOutcome, cancel, outcome_of_cancel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_generation.application.execution.ports import JobObserver, Jobs
    from pixel_generation.application.submission.ports import CancelObserver, OwnedJobs
    from pixel_generation.domain.jobs.job import Job

FIRST_LOOK_S = 0.02
SLOWEST_LOOK_S = 0.2


@dataclass(frozen=True)
class CancelTools:
    """Ports of a cancellation."""

    owned: OwnedJobs
    jobs: Jobs
    clock: Clock
    observer: JobObserver
    cancel_observer: CancelObserver
    patience_s: float = 2.0
    """How long to wait for a run that was asked to stop."""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The outcome of one cancellation, and the job."""

    outcome: CancelOutcome
    job: Job


async def cancel_generations(
    user_id: UUID, job_ids: Sequence[UUID], *, tools: CancelTools
) -> list[Cancellation | PixelError]:
    """Cancel each job in order; raise Invalid, or GenerationNotFound and cancel none when one is not the user's."""
    found = await find_named(user_id, job_ids, tools.owned)
    written = await asyncio.gather(*(_cancel_one(job, tools) for job in found.values()))
    settled = await _wait_for_ends(dict(zip(found, written, strict=True)), user_id, tools)
    results = [_result(settled[job_id]) for job_id in job_ids]
    for result in results:
        if isinstance(result, Cancellation):
            tools.cancel_observer.cancelled(result.outcome)
    return results


async def _cancel_one(job: Job, tools: CancelTools) -> Job | PixelError:
    """Cancel one job; retry as often as a concurrent change was first."""
    try:
        while (after := cancel(job, at=tools.clock.now())) is not None:
            if await tools.jobs.write(job, after, writer=Writer.OWNER):
                if after.status.is_final:
                    tools.observer.ended(after)
                return after
            current = await tools.jobs.find(job.id)
            if current is None:
                return GenerationNotFound()
            job = current
    except PixelError as error:
        return error
    return job


async def _wait_for_ends(
    jobs: dict[UUID, Job | PixelError], user_id: UUID, tools: CancelTools
) -> dict[UUID, Job | PixelError]:
    """Poll with growing pauses until no run is stopping or the time is over."""
    patient_until, looks = time.monotonic() + tools.patience_s, 0
    while stopping := [job.id for job in jobs.values() if not isinstance(job, PixelError) and not job.status.is_final]:
        left_s = patient_until - time.monotonic()
        if left_s <= 0:
            break
        looks += 1
        await asyncio.sleep(min(backoff_s(looks, first_s=FIRST_LOOK_S, longest_s=SLOWEST_LOOK_S), left_s))
        jobs |= await tools.owned.find_owned(stopping, user_id)
    return jobs


def _result(job: Job | PixelError) -> Cancellation | PixelError:
    return job if isinstance(job, PixelError) else Cancellation(outcome_of_cancel(job), job)
