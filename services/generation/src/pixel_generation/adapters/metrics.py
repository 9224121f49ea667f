"""Metrics of this service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from pixel_generation.domain.providers.breaker import BreakerState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_generation.domain.billing.budgets import Budget
    from pixel_generation.domain.jobs.cancellation import CancelOutcome
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.queueing.estimate import EstimateAccuracy

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

SUBMISSIONS = Counter("pixel_submissions", "Submissions decided.", ["outcome"])
BATCH_SIZE = Histogram(
    "pixel_submit_batch_size", "Submissions in one statement.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
CHANGES_IN_STATEMENT = Histogram(
    "pixel_job_changes_in_statement",
    "Changes of jobs in one statement.",
    ["statement"],
    buckets=(1, 2, 4, 8, 16, 32, 64),
)
PICKUP = Histogram("pixel_job_pickup_seconds", "Seconds from runnable to the start of the run.", buckets=SECONDS)
ENDED = Counter("pixel_jobs_ended", "Jobs ended, by public status and failure code.", ["status", "code"])
DURATION = Histogram("pixel_job_seconds", "Seconds from acceptance to the end.", ["status"], buckets=SECONDS)
REQUEUED = Counter("pixel_jobs_requeued", "Runs returned to the queue.", ["reason"])
FENCED = Counter("pixel_jobs_fenced", "Runs and changes refused because the job had changed.")
PROVIDER = Histogram(
    "pixel_provider_seconds",
    "Provider calls until the last picture was stored.",
    ["provider", "outcome"],
    buckets=SECONDS,
)
API_COSTS = Counter("api_costs_by_provider", "Known provider costs in US dollars.", ["provider"])
QUEUE_DEPTH = Gauge("pixel_queue_depth", "Queued jobs, by queue.", ["queue"])
CAPTURED = Counter("pixel_credits_captured", "Credits captured for delivered units.")
RELEASED = Counter("pixel_credits_released", "Credits released for undelivered units.")
CANCELS = Counter("pixel_cancels", "Cancellations answered, by outcome.", ["outcome"])
RECONCILING = Gauge("pixel_jobs_reconciling", "Jobs whose provider call has an unknown outcome.")
QUEUE_HOLDS_ENDED = Counter(
    "pixel_queue_holds_ended", "Holds ended by the sweep, by reason: due or missed.", ["reason"]
)
AGED = Counter("pixel_jobs_aged", "Queued jobs raised to an earlier priority class.")
ARCHIVED = Counter("pixel_jobs_archived", "Ended jobs moved to the archive.")
IMAGES = Counter("pixel_images_delivered", "Images delivered.", ["model"])

BREAKER = Gauge("pixel_provider_breaker", "1 for the current state of a provider's breaker.", ["provider", "state"])
HELD_BACK = Counter("pixel_provider_held_back", "Polls for work skipped because the breaker is open.", ["provider"])
REPETITIONS = Counter(
    "pixel_provider_repetitions",
    "Retries of failed calls, by whether the retry budget allowed them.",
    ["provider", "allowed"],
)
FALLBACKS_REFUSED = Counter(
    "pixel_provider_fallbacks_refused", "Fallbacks skipped because a budget has not enough left.", ["provider"]
)
ETA_ESTIMATES = Counter(
    "pixel_eta_estimates", "First starts compared with the quoted interval: inside, early or late.", ["start"]
)


DUTY_SUCCESS = Gauge(
    "pixel_duty_last_success_timestamp", "When this process last did a duty without an error, Unix seconds.", ["duty"]
)
DUTY_SECONDS = Histogram("pixel_duty_seconds", "How long a duty took.", ["duty"], buckets=SECONDS)
DUTY_ERRORS = Counter("pixel_duty_errors", "Duties that ended with an error.", ["duty"])
ROWS_SET_ASIDE = Counter("pixel_rows_set_aside", "Jobs that a duty could not process, each time.", ["duty"])

BUDGET_LABELS = ["scope", "subject", "period", "unit"]
BUDGET_USED = Gauge("pixel_budget_used", "Used amount of the current period, in the budget's unit.", BUDGET_LABELS)
BUDGET_LIMIT = Gauge("pixel_budget_limit", "Limit of a period, in the budget's unit.", BUDGET_LABELS)
LEDGER_VIOLATIONS = Gauge("pixel_ledger_violations", "Violations of a rule at its last check.", ["check"])


class SubmissionMetrics:
    """Counts submissions."""

    def submitted(self, verdict: str) -> None:
        SUBMISSIONS.labels(verdict).inc()


class JobMetrics:
    """Counts changes of jobs."""

    def picked_up(self, seconds: float) -> None:
        PICKUP.observe(max(0.0, seconds))

    def ended(self, job: Job) -> None:
        captured = job.captured_credits or 0
        ENDED.labels(job.status.value, job.failure.code if job.failure else "").inc()
        CAPTURED.inc(captured)
        RELEASED.inc(job.cost_credits - captured)
        IMAGES.labels(job.work.model).inc(len(job.outputs))
        if job.ended_at is not None:
            DURATION.labels(job.status.value).observe(max(0.0, (job.ended_at - job.created_at).total_seconds()))

    def requeued(self, reason: str) -> None:
        REQUEUED.labels(reason).inc()

    def fenced(self) -> None:
        FENCED.inc()

    def called(self, provider: str, outcome: str, seconds: float, *, cost_usd_micros: int | None) -> None:
        PROVIDER.labels(provider, outcome).observe(seconds)
        API_COSTS.labels(provider).inc((cost_usd_micros or 0) / 1_000_000)

    def queue_depth(self, queue: str, jobs: int) -> None:
        QUEUE_DEPTH.labels(queue).set(jobs)


class EngineMetrics:
    """Counts maintenance work."""

    def cancelled(self, outcome: CancelOutcome) -> None:
        CANCELS.labels(outcome.value).inc()

    def reconciling(self, jobs: int) -> None:
        RECONCILING.set(jobs)

    def holds_ended(self, jobs: int, why: str) -> None:
        QUEUE_HOLDS_ENDED.labels(why).inc(jobs)

    def aged(self, jobs: int) -> None:
        AGED.inc(jobs)

    def archived(self, jobs: int) -> None:
        ARCHIVED.inc(jobs)


class DutyMetrics:
    """Counts runs of duties."""

    def done(self, duty: str, seconds: float) -> None:
        DUTY_SUCCESS.labels(duty).set_to_current_time()
        DUTY_SECONDS.labels(duty).observe(seconds)

    def failed(self, duty: str) -> None:
        DUTY_ERRORS.labels(duty).inc()

    def set_aside(self, duty: str) -> None:
        ROWS_SET_ASIDE.labels(duty).inc()


class HealthMetrics:
    """Counts state changes of provider breakers."""

    def breaker(self, provider: str, state: BreakerState) -> None:
        for each in BreakerState:
            BREAKER.labels(provider, each.value).set(each is state)

    def held_back(self, provider: str) -> None:
        HELD_BACK.labels(provider).inc()

    def repetition(self, provider: str, *, allowed: bool) -> None:
        REPETITIONS.labels(provider, "yes" if allowed else "no").inc()

    def fallback_refused(self, provider: str) -> None:
        FALLBACKS_REFUSED.labels(provider).inc()


class EtaMetrics:
    """Counts starts inside and outside of their quoted interval."""

    def started(self, estimate_accuracy: EstimateAccuracy) -> None:
        ETA_ESTIMATES.labels(estimate_accuracy.value).inc()


class BudgetMetrics:
    """Reports limit and used amount of budgets."""

    def budgets(self, known: Sequence[Budget]) -> None:
        BUDGET_USED.clear()
        BUDGET_LIMIT.clear()
        for budget in known:
            limit = budget.limit
            labels = (limit.scope.value, limit.subject, limit.period.value, limit.unit.value)
            BUDGET_USED.labels(*labels).set(budget.used)
            BUDGET_LIMIT.labels(*labels).set(limit.limit_amount)


class LedgerMetrics:
    """Reports violations of the ledger's rules."""

    def checked(self, rule: str, violations: int) -> None:
        LEDGER_VIOLATIONS.labels(rule).set(violations)
