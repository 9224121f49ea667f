"""What becomes of a run that did not deliver."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pixel_generation.domain.images import Outcome, ProviderError
from pixel_generation.domain.job import Failure, Job, Stage

UNKNOWN_OUTCOME = Failure(
    "provider_outcome_unknown",
    "The connection to the provider was lost and it is not known whether it made the pictures. You were not charged.",
    retryable=True,
)
TIMED_OUT = Failure("timeout", "The generation took longer than allowed. You were not charged.", retryable=True)
EXPIRED = Failure(
    "expired", "The generation waited in the queue longer than allowed. You were not charged.", retryable=True
)
WORKER_LOST = Failure("worker_lost", "The generation was interrupted too often. You were not charged.", retryable=True)
NO_OUTPUT = Failure("no_output", "The provider returned no usable picture. You were not charged.", retryable=True)
STORAGE_UNAVAILABLE = Failure(
    "storage_unavailable", "The pictures could not be stored. You were not charged.", retryable=True
)
MODEL_GONE = Failure(
    "model_unavailable", "The model was withdrawn before the job started. You were not charged.", retryable=False
)
INTERNAL = Failure("internal", "Something went wrong on our side. You were not charged.", retryable=True)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how soon a run is repeated."""

    first_delay_s: float = 1.0
    max_delay_s: float = 30.0
    max_runs: int = 10
    """Runs of one job in all, so that a job that kills its worker ends."""

    def delay_s(self, retry_count: int, draw: float, *, at_least: float | None) -> float:
        """Exponential with full jitter; `draw` is uniform in [0, 1), `at_least` what the provider asked for."""
        jittered: float = draw * min(self.max_delay_s, self.first_delay_s * 2**retry_count)
        return max(jittered, at_least or 0.0)


def after_provider_error(
    job: Job, error: ProviderError, *, repeatable: bool, policy: RetryPolicy, now: datetime, draw: float
) -> tuple[Job, ...]:
    """Return the changes to write, in order: retried, reconciled and failed, or failed."""
    unknown = error.outcome is Outcome.UNKNOWN and not repeatable
    if unknown:
        return _unknown(job, now)
    may_repeat = error.outcome is Outcome.NOT_SENT or repeatable or error.retryable
    retries_left = job.retry_count < job.max_retries and job.attempt < policy.max_runs
    delay = timedelta(seconds=policy.delay_s(job.retry_count, draw, at_least=error.retry_after_s))
    if error.retryable and may_repeat and retries_left and now + delay < job.deadline_at:
        return (job.requeued(scheduled_at=now + delay, counts_as_retry=True),)
    return (job.failed(Failure(error.failure_code, error.detail, error.retryable), at=now),)


def after_storage_trouble(
    job: Job, *, repeatable: bool, policy: RetryPolicy, now: datetime, draw: float
) -> tuple[Job, ...]:
    """Repeat only what costs nothing when the provider delivered and the store did not take it."""
    if repeatable and job.retry_count < job.max_retries and job.attempt < policy.max_runs:
        delay = timedelta(seconds=policy.delay_s(job.retry_count, draw, at_least=None))
        return (job.requeued(scheduled_at=now + delay, counts_as_retry=True),)
    return (job.failed(STORAGE_UNAVAILABLE, at=now),)


def after_lost_run(job: Job, *, repeatable: bool, policy: RetryPolicy, now: datetime) -> tuple[Job, ...]:
    """Take over from a worker that died or stopped; the stage tells whether the provider may have been called."""
    if job.deadline_at <= now:
        return after_deadline(job, now=now)
    if job.stage is Stage.RECONCILING or (job.stage is not Stage.STARTING and not repeatable):
        return _unknown(job, now)
    if job.attempt >= policy.max_runs:
        return (job.failed(WORKER_LOST, at=now),)
    return (job.requeued(scheduled_at=now, counts_as_retry=False),)


def after_deadline(job: Job, *, now: datetime) -> tuple[Job, ...]:
    """End a job whose time is up."""
    return (job.failed(TIMED_OUT if job.attempt else EXPIRED, at=now),)


def _unknown(job: Job, now: datetime) -> tuple[Job, ...]:
    if job.stage is Stage.RECONCILING:
        return (job.failed(UNKNOWN_OUTCOME, at=now),)
    reconciling = job.reconciling()
    return (reconciling, reconciling.failed(UNKNOWN_OUTCOME, at=now))
