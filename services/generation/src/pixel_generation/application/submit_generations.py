"""Accept requests for pictures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pixel_errors import Invalid, PixelError

from pixel_generation.application.ports import Clock, Decision, NewGeneration, Randomness, SubmissionObserver, Verdict
from pixel_generation.domain.errors import IdempotencyKeyReused, InsufficientCredits
from pixel_generation.domain.job import Job
from pixel_generation.domain.validation import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from pixel_generation.application.live_catalogue import LiveCatalogue
    from pixel_generation.application.submission_batcher import SubmissionBatcher
    from pixel_generation.domain.catalogue import Catalogue
    from pixel_generation.domain.spec import GenerationSpec

NORMAL_PRIORITY = 1
MAX_KEY_CHARS = 255


@dataclass(frozen=True, slots=True)
class SubmitGeneration:
    """One request of one user."""

    user_id: UUID
    spec: GenerationSpec
    idempotency_key: str = ""
    route: str = ""
    trace: Mapping[str, str] = field(default_factory=dict)


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
    max_wait: timedelta,
    max_retries: int,
) -> list[Accepted | PixelError]:
    """Decide each command on its own, in order; the outcome of a refused one is the reason."""
    models = await catalogue.current()

    async def one(command: SubmitGeneration) -> Accepted | PixelError:
        try:
            item = _new_generation(
                command, models, clock=clock, randomness=randomness, max_wait=max_wait, max_retries=max_retries
            )
            return _outcome(item, await batcher.submit(item), observer)
        except PixelError as refusal:
            observer.submitted(refusal.code.lower())
            return refusal

    return list(await asyncio.gather(*map(one, commands)))


def _new_generation(
    command: SubmitGeneration,
    models: Catalogue,
    *,
    clock: Clock,
    randomness: Randomness,
    max_wait: timedelta,
    max_retries: int,
) -> NewGeneration:
    for text in (command.idempotency_key, command.route):
        if len(text) > MAX_KEY_CHARS or "\0" in text:
            raise Invalid(f"An idempotency key and its route have at most {MAX_KEY_CHARS} characters and no NUL.")
    resolved = resolve(command.spec, models, randomness.seed)
    now = clock.now()
    job = Job(
        id=randomness.new_id(),
        user_id=command.user_id,
        set_id=randomness.new_id(),
        spec=resolved.spec,
        lane=resolved.model.lane,
        cost_credits=resolved.cost_credits,
        created_at=now,
        scheduled_at=now,
        deadline_at=now + max_wait,
        max_retries=max_retries,
        trace=command.trace,
    )
    return NewGeneration(job, NORMAL_PRIORITY, command.idempotency_key, command.route, command.spec.fingerprint())


def _outcome(item: NewGeneration, decision: Decision, observer: SubmissionObserver) -> Accepted:
    cost = item.job.cost_credits
    match decision.verdict:
        case Verdict.ACCEPTED:
            observer.submitted(decision.verdict)
            return Accepted(item.job.id, item.job)
        case Verdict.REPLAYED:
            observer.submitted(decision.verdict)
            return Accepted(decision.job_id, None)
        case Verdict.KEY_REUSED:
            raise IdempotencyKeyReused(metadata={"key": item.idempotency_key})
        case _:
            raise InsufficientCredits(
                f"This costs {cost} credits and {decision.available} are available.",
                metadata={"cost": str(cost), "available": str(decision.available)},
            )
