"""Tell what a request would cost, which model would run it and when, without submitting it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pixel_generation.application.new_generation import JobLimits, SubmitGeneration, new_generation
from pixel_generation.application.ports import Clock, Decision, NewGeneration, Randomness, Verdict
from pixel_generation.application.refusals import refusal

if TYPE_CHECKING:
    from pixel_generation.application.lane_rooms import LaneRooms
    from pixel_generation.application.live_catalogue import LiveCatalogue
    from pixel_generation.application.start_quotes import StartQuotes
    from pixel_generation.domain.job import Job


class Rehearsals(Protocol):
    async def rehearse(self, item: NewGeneration) -> Decision:
        """Decide one submission exactly as `submit` would now, and leave nothing behind."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a submission would be now."""

    job: Job
    """As it would be accepted."""
    credits_per_image: int
    start_interval_s: tuple[float, float] | None
    run_s: float
    available_credits: int
    would_be_refused: str
    """Reason of the refusal; empty when it would be accepted."""


async def quote_generation(
    command: SubmitGeneration,
    *,
    rehearsals: Rehearsals,
    catalogue: LiveCatalogue,
    starts: StartQuotes,
    rooms: LaneRooms,
    clock: Clock,
    randomness: Randomness,
    limits: JobLimits,
) -> Quote:
    """Price and route the request; raises what a submission would raise for a request that cannot be run at all."""
    now = clock.now()
    models = await catalogue.current()
    item = new_generation(replace(command, idempotency_key=""), models, now=now, randomness=randomness, limits=limits)
    decision = await rehearsals.rehearse(replace(item, lane_is_full=rooms.is_full(item.job.lane)))
    is_accepted = decision.verdict is Verdict.ACCEPTED
    job = replace(item.job, gate=decision.gate) if is_accepted else item.job
    return Quote(
        job=job,
        credits_per_image=job.cost_credits // job.spec.number_of_images,
        start_interval_s=await starts.interval_s(job),
        run_s=await starts.run_s(job),
        available_credits=decision.available,
        would_be_refused="" if is_accepted else refusal(item, decision, now=now).code,
    )
