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
    """Return the changes to write, in order: retried, or reconciled and ended, or ended."""
    failure = Failure(error.failure_code, error.detail, error.retryable)
    if not repeatable and error.outcome is Outcome.UNKNOWN:
        return _unknown(job, UNKNOWN_OUTCOME, now)
    if not repeatable and job.images:
        return (_ended(job, failure, now),)
    may_repeat = error.outcome is Outcome.NOT_SENT or repeatable or error.retryable
    retries_left = job.retry_count < job.max_retries and job.attempt < policy.max_runs
    delay = timedelta(seconds=policy.delay_s(job.retry_count, draw, at_least=error.retry_after_s))
    if error.retryable and may_repeat and retries_left and now + delay < job.deadline_at:
        return (job.requeued(scheduled_at=now + delay, counts_as_retry=True),)
    return (_ended(job, failure, now),)


def after_storage_trouble(
    job: Job, *, repeatable: bool, policy: RetryPolicy, now: datetime, draw: float
) -> tuple[Job, ...]:
    """Repeat only what costs nothing when the provider delivered and the store did not take it."""
    retries_left = job.retry_count < job.max_retries and job.attempt < policy.max_runs
    delay = timedelta(seconds=policy.delay_s(job.retry_count, draw, at_least=None))
    if repeatable and retries_left and now + delay < job.deadline_at:
        return (job.requeued(scheduled_at=now + delay, counts_as_retry=True),)
    return (_ended(job, STORAGE_UNAVAILABLE, now),)


def after_broken_run(job: Job, *, repeatable: bool, now: datetime) -> tuple[Job, ...]:
    """End a run that a bug of ours stopped during its call."""
    return (_ended(job, INTERNAL, now),) if repeatable else _unknown(job, INTERNAL, now)


def after_lost_run(job: Job, *, repeatable: bool, policy: RetryPolicy, now: datetime) -> tuple[Job, ...]:
    """Take over from a worker that died or stopped; the stage tells whether the provider may have been called."""
    if job.deadline_at <= now:
        return after_deadline(job, repeatable=repeatable, now=now)
    if job.stage is Stage.RECONCILING or (job.stage is not Stage.STARTING and not repeatable):
        return _unknown(job, UNKNOWN_OUTCOME, now)
    if job.attempt >= policy.max_runs:
        return (_ended(job, WORKER_LOST, now),)
    return (job.requeued(scheduled_at=now, counts_as_retry=False),)


def after_deadline(job: Job, *, repeatable: bool, now: datetime) -> tuple[Job, ...]:
    """End a job whose time is up; a call that costs and was still open may have done its work."""
    if job.stage in {Stage.GENERATING, Stage.UPLOADING} and not repeatable:
        return _unknown(job, TIMED_OUT, now)
    return (_ended(job, TIMED_OUT if job.attempt else EXPIRED, now),)


def _unknown(job: Job, failure: Failure, now: datetime) -> tuple[Job, ...]:
    """End by way of reconciling, so that the attempt is recorded as one that the provider may have charged."""
    if job.stage is Stage.RECONCILING:
        return (_ended(job, failure, now),)
    reconciling = job.reconciling()
    return (reconciling, _ended(reconciling, failure, now))


def _ended(job: Job, failure: Failure, now: datetime) -> Job:
    """End with the pictures that are stored, which the user pays and keeps; without any, with the failure."""
    return job.completed(at=now) if job.images else job.failed(failure, at=now)
