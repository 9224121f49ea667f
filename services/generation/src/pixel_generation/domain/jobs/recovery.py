"""The next changes of a run that did not deliver."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pixel_errors.backoff import backoff_s

from pixel_generation.domain.jobs.job import Failure, Job
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

UNKNOWN_OUTCOME = Failure(
    "provider_outcome_unknown",
    "The connection to the provider was lost and it is not known whether it did the work. You were not charged.",
    retryable=True,
)
TIMED_OUT = Failure("timeout", "The generation took longer than allowed. You were not charged.", retryable=True)
EXPIRED = Failure(
    "expired", "The generation waited in the queue longer than allowed. You were not charged.", retryable=True
)
WORKER_LOST = Failure("worker_lost", "The generation was interrupted too often. You were not charged.", retryable=True)
NO_OUTPUT = Failure("no_output", "The provider returned nothing usable. You were not charged.", retryable=True)
STORAGE_UNAVAILABLE = Failure(
    "storage_unavailable", "What the provider made could not be stored. You were not charged.", retryable=True
)
MODEL_GONE = Failure(
    "model_unavailable", "The model was withdrawn before the job started. You were not charged.", retryable=False
)
INTERNAL = Failure("internal", "Something went wrong on our side. You were not charged.", retryable=True)

OF_OUR_ACCOUNT = frozenset({"provider_unauthorized", "provider_quota_exhausted"})
"""Failures that are neither caused by the request nor temporary: another provider may succeed."""


@dataclass(frozen=True)
class RetryPolicy:
    """Number and pauses of retries."""

    first_delay_s: float = 1.0
    max_delay_s: float = 30.0
    max_runs: int = 10
    """Maximum runs of one job, so that a job that kills its worker ends."""
    reconcile_for_s: float = 60.0
    """Time for an unknown outcome to be resolved before the job ends without a charge."""

    def delay_s(self, retry_count: int, draw: float, *, at_least: float | None) -> float:
        """Return an exponential pause with full jitter, at least `at_least`; `draw` is uniform in [0, 1)."""
        jittered = backoff_s(retry_count + 1, first_s=self.first_delay_s, longest_s=self.max_delay_s, draw=draw)
        return max(jittered, at_least or 0.0)


def after_provider_error(
    job: Job,
    error: ProviderError,
    *,
    repeatable: bool,
    policy: RetryPolicy,
    now: datetime,
    draw: float,
    fallback: Job | None = None,
    may_repeat: Callable[[], bool] = lambda: True,
) -> tuple[Job, ...]:
    """Return the changes to write, in order: rerouted, retried, reconciling or ended.

    `fallback` is the job for its next model; `may_repeat` takes a retry from the provider's budget.
    """
    failure = Failure(error.failure_code, error.detail, error.retryable)
    if not repeatable and error.outcome is Outcome.UNKNOWN:
        return _unknown(job, policy, now)
    if not repeatable and job.outputs:
        return (_ended(job, failure, now),)
    is_harmless = error.outcome is Outcome.NOT_SENT or repeatable or error.retryable
    is_of_the_provider = error.retryable or error.failure_code in OF_OUR_ACCOUNT
    if fallback is not None and is_of_the_provider and is_harmless and job.attempt < policy.max_runs:
        return (job.rerouted(fallback, at=now),)
    retries_left = job.retry_count < job.max_retries and job.attempt < policy.max_runs
    delay = timedelta(seconds=policy.delay_s(job.retry_count, draw, at_least=error.retry_after_s))
    if error.retryable and is_harmless and retries_left and now + delay < job.deadline_at and may_repeat():
        return (job.requeued(scheduled_at=now + delay, counts_as_retry=True),)
    return (_ended(job, failure, now),)


def after_storage_trouble(
    job: Job, *, repeatable: bool, policy: RetryPolicy, now: datetime, draw: float
) -> tuple[Job, ...]:
    """Return the change when outputs could not be stored: repeated only if that is free."""
    retries_left = job.retry_count < job.max_retries and job.attempt < policy.max_runs
    delay = timedelta(seconds=policy.delay_s(job.retry_count, draw, at_least=None))
    if repeatable and retries_left and now + delay < job.deadline_at:
        return (job.requeued(scheduled_at=now + delay, counts_as_retry=True),)
    return (_ended(job, STORAGE_UNAVAILABLE, now),)


def after_broken_run(job: Job, *, repeatable: bool, now: datetime) -> tuple[Job, ...]:
    """End a run that a bug stopped during its call."""
    return (_ended(job, INTERNAL, now),) if repeatable else _reconciled(job, INTERNAL, now)


def after_cancel(job: Job, *, now: datetime) -> tuple[Job, ...]:
    """End a run that was asked to stop; it completes when everything was delivered before."""
    return (job.completed(at=now) if job.is_delivered else job.cancelled(at=now),)


def cancelled_at_once(job: Job, *, now: datetime) -> tuple[Job, ...]:
    """Cancel a job without waiting for its run."""
    if job.stage in {Stage.WAITING, Stage.ROUTING, Stage.RECONCILING}:
        return (job.cancelled(at=now),)
    cancelling = job.cancelling(at=now)
    return (cancelling, *after_cancel(cancelling, now=now))


def after_lost_run(job: Job, *, repeatable: bool, policy: RetryPolicy, now: datetime) -> tuple[Job, ...]:
    """Take over from a worker that died or stopped; the stage shows whether the provider may have been called."""
    if job.stage is Stage.CANCELLING:
        return after_cancel(job, now=now)
    if job.deadline_at <= now:
        return after_deadline(job, repeatable=repeatable, now=now)
    if job.stage is Stage.RECONCILING:
        return ()  # it has no worker: a lookup or its deadline ends it
    if job.stage is not Stage.STARTING and not repeatable:
        return _unknown(job, policy, now)
    if job.attempt >= policy.max_runs:
        return (_ended(job, WORKER_LOST, now),)
    return (job.requeued(scheduled_at=now, counts_as_retry=False),)


def after_lookup(job: Job, outcome: Outcome, *, policy: RetryPolicy, now: datetime) -> tuple[Job, ...]:
    """Return the change after a lookup of an unknown call; None while the provider does not know it."""
    if outcome is Outcome.UNKNOWN:
        return ()
    if outcome is Outcome.SENT or job.attempt >= policy.max_runs:
        return (_ended(job, UNKNOWN_OUTCOME, now),)
    return (job.requeued(scheduled_at=now, counts_as_retry=False),)


def after_deadline(job: Job, *, repeatable: bool, now: datetime) -> tuple[Job, ...]:
    """End a job past its deadline; an open paid call may have succeeded."""
    if job.stage is Stage.CANCELLING:
        return after_cancel(job, now=now)
    if job.cancel_at is not None and job.cancel_at <= now:
        return cancelled_at_once(job, now=now)
    if job.stage is Stage.RECONCILING:
        return (_ended(job, UNKNOWN_OUTCOME, now),)
    if job.stage in {Stage.GENERATING, Stage.UPLOADING} and not repeatable:
        return _reconciled(job, TIMED_OUT, now)
    return (_ended(job, EXPIRED if job.started_at is None else TIMED_OUT, now),)


def _unknown(job: Job, policy: RetryPolicy, now: datetime) -> tuple[Job, ...]:
    """Wait for the outcome of the call, unless there are outputs to end with."""
    if job.outputs:
        return _reconciled(job, UNKNOWN_OUTCOME, now)
    return (job.reconciling(until=now + timedelta(seconds=policy.reconcile_for_s)),)


def _reconciled(job: Job, failure: Failure, now: datetime) -> tuple[Job, ...]:
    """End through reconciling, so that the attempt is recorded as possibly charged."""
    reconciling = job.reconciling()
    return (reconciling, _ended(reconciling, failure, now))


def _ended(job: Job, failure: Failure, now: datetime) -> Job:
    """End with the stored outputs, which are charged and kept; without any, with the failure."""
    return job.completed(at=now) if job.outputs else job.failed(failure, at=now)
