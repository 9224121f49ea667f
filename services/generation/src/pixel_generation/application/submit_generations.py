"""Accept requests for pictures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.new_generation import JobLimits, SubmitGeneration, new_generation
from pixel_generation.application.ports import Clock, Decision, NewGeneration, Randomness, SubmissionObserver, Verdict
from pixel_generation.application.refusals import refusal
from pixel_generation.domain.job import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from pixel_generation.application.lane_rooms import LaneRooms
    from pixel_generation.application.live_catalogue import LiveCatalogue
    from pixel_generation.application.start_quotes import StartQuotes
    from pixel_generation.application.submission_batcher import SubmissionBatcher
    from pixel_generation.domain.job import Job

__all__ = ["Accepted", "SubmitGeneration", "submit_generations"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that answers a request."""

    job_id: UUID
    job: Job | None
    """The new job; None when the idempotency key belongs to an earlier one, which has its own state by now."""


async def submit_generations(
    commands: Sequence[SubmitGeneration],
    *,
    catalogue: LiveCatalogue,
    batcher: SubmissionBatcher,
    clock: Clock,
    randomness: Randomness,
    observer: SubmissionObserver,
    starts: StartQuotes,
    rooms: LaneRooms,
    max_wait: timedelta,
    max_retries: int,
) -> list[Accepted | PixelError]:
    """Decide each command on its own, in order; the outcome of a refused one is the reason."""
    models = await catalogue.current()
    limits = JobLimits(max_wait, max_retries)

    async def one(command: SubmitGeneration) -> Accepted | PixelError:
        try:
            item = new_generation(command, models, now=clock.now(), randomness=randomness, limits=limits)
            item = replace(item, job=await starts.promised(item.job), lane_is_full=rooms.is_full(item.job.lane))
            decision = await batcher.submit(item)
            if decision.verdict is Verdict.ACCEPTED:
                rooms.accepted(item.job.lane)
            retry_after_s = await _retry_after_s(item, decision, starts, rooms)
            return _outcome(item, decision, observer, clock.now(), retry_after_s)
        except PixelError as refusal:
            observer.submitted(refusal.code.lower())
            return refusal

    return list(await asyncio.gather(*map(one, commands)))


async def _retry_after_s(
    item: NewGeneration, decision: Decision, starts: StartQuotes, rooms: LaneRooms
) -> float | None:
    """Reckon when a refused request is worth another try; None when time alone does not help, or nobody knows."""
    match decision.verdict:
        case Verdict.QUEUE_FULL:
            return await starts.own_jobs_end_s(item.job, decision.limit)
        case Verdict.LANE_FULL:
            return await starts.lane_has_room_s(item.job, rooms.refused(item.job.lane))
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
            job = replace(item.job, gate=decision.gate, plan=decision.plan)
            # Nobody knows when a user's other jobs end: the quote holds for what may start in its turn.
            return Accepted(job.id, job if job.gate is Gate.OPEN else replace(job, start_after=None, start_before=None))
        case Verdict.REPLAYED:
            observer.submitted(decision.verdict)
            return Accepted(decision.job_id, None)
        case _:
            refused = refusal(item, decision, now=now)
            refused.retry_after_s = retry_after_s or refused.retry_after_s
            raise refused
