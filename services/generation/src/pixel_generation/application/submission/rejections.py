"""Converts verdicts to errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pixel_generation.application.reading.retry_after import CLOSED_S
from pixel_generation.application.submission.ports import Decision, NewGeneration, Verdict
from pixel_generation.domain.errors import (
    BudgetExhausted,
    DailyLimitReached,
    GenerationArchived,
    IdempotencyKeyReused,
    IllegalTransition,
    InsufficientCredits,
    PriceUnknown,
    PriorityNotAllowed,
    QueueClosed,
    QueueFull,
    TooManyOpenJobs,
)

if TYPE_CHECKING:
    from pixel_errors import PixelError

    from pixel_generation.domain.jobs.job import Job

SPENT = {
    "key": "The budget of this key is spent.",
    "user": "Your budget is spent.",
    "provider": "The budget of the model's provider is spent.",
    "platform": "The budget of this server is spent.",
}


def rejection(item: NewGeneration, decision: Decision, *, now: datetime) -> PixelError:
    """Return the error of a refusing verdict."""
    job = item.job
    match decision.verdict:
        case Verdict.KEY_REUSED:
            return IdempotencyKeyReused(metadata={"key": item.idempotency_key})
        case Verdict.PRIORITY:
            return PriorityNotAllowed(
                f"The plan {decision.plan} does not include the priority {job.priority.name.lower()}.",
                metadata={"plan": decision.plan},
            )
        case Verdict.MOVED:
            return IllegalTransition(f"Job {job.id} was changed meanwhile.")
        case Verdict.ARCHIVED:
            return GenerationArchived()
        case Verdict.TOO_MANY_OPEN_JOBS | Verdict.QUEUE_CLOSED | Verdict.QUEUE_FULL:
            return _no_room(job, decision)
        case _:
            return _unpaid(job, decision, now)


def _no_room(job: Job, decision: Decision) -> PixelError:
    if decision.verdict is Verdict.TOO_MANY_OPEN_JOBS:
        return TooManyOpenJobs(
            f"You have {decision.limit} open jobs, as many as your plan allows.",
            metadata={"limit": str(decision.limit)},
        )
    if decision.verdict is Verdict.QUEUE_FULL:
        return QueueFull(metadata={"queue": job.queue})
    return QueueClosed(metadata={"queue": job.queue}, retry_after_s=CLOSED_S)


def _unpaid(job: Job, decision: Decision, now: datetime) -> PixelError:
    cost = job.cost_credits
    match decision.verdict:
        case Verdict.INSUFFICIENT:
            return InsufficientCredits(
                f"This costs {cost} credits and {decision.available} are available.",
                metadata={"cost": str(cost), "available": str(decision.available)},
            )
        case Verdict.DAILY_LIMIT:
            return DailyLimitReached(
                f"This costs {cost} credits and would exceed the daily limit of {decision.limit}.",
                metadata={"limit": str(decision.limit), "reset": next_day(now).isoformat()},
            )
        case Verdict.BUDGET:
            return BudgetExhausted(SPENT[decision.scope], metadata={"scope": decision.scope, "period": decision.period})
        case Verdict.PRICE_UNKNOWN:
            return PriceUnknown(
                f"What {job.work.model} costs is not known, and a budget applies to it.",
                metadata={"model": job.work.model},
            )
        case _:
            raise AssertionError(f"{decision.verdict} refuses nothing")


def next_day(now: datetime) -> datetime:
    """Return the next UTC midnight, when daily limits start again."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)
