"""Every number this service counts."""

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
PICKUP = Histogram("pixel_job_pickup_seconds", "From runnable to the run's start.", buckets=SECONDS)
ENDED = Counter("pixel_jobs_ended", "Jobs ended, by public status and failure code.", ["status", "code"])
DURATION = Histogram("pixel_job_seconds", "From acceptance to the end.", ["status"], buckets=SECONDS)
REQUEUED = Counter("pixel_jobs_requeued", "Runs given back to the queue.", ["reason"])
FENCED = Counter("pixel_jobs_fenced", "Runs and changes refused because the job had moved on.")
PROVIDER = Histogram(
    "pixel_provider_seconds",
    "Provider calls until the last picture was stored.",
    ["provider", "outcome"],
    buckets=SECONDS,
)
API_COSTS = Counter("api_costs_by_provider", "US dollars that providers are known to have charged.", ["provider"])
QUEUE_DEPTH = Gauge("pixel_queue_depth", "Jobs that wait, by queue.", ["queue"])
CAPTURED = Counter("pixel_credits_captured", "Credits captured for pictures that were delivered.")
RELEASED = Counter("pixel_credits_released", "Credits released for pictures that were not delivered.")
CANCELS = Counter("pixel_cancels", "Cancellations answered, by outcome.", ["outcome"])
RECONCILING = Gauge("pixel_jobs_reconciling", "Jobs whose provider call has an unknown outcome.")
QUEUE_HOLDS_ENDED = Counter(
    "pixel_queue_holds_ended", "Waiting jobs let go by the sweep, by reason: due or missed.", ["reason"]
)
AGED = Counter("pixel_jobs_aged", "Waiting jobs raised to an earlier priority class.")
ARCHIVED = Counter("pixel_jobs_archived", "Ended jobs moved to the archive.")
IMAGES = Counter("pixel_images_delivered", "Pictures delivered.", ["model"])

BREAKER = Gauge("pixel_provider_breaker", "1 for the state that a provider's breaker is in.", ["provider", "state"])
HELD_BACK = Counter("pixel_provider_held_back", "Looks for work that made no call: the breaker is open.", ["provider"])
REPETITIONS = Counter(
    "pixel_provider_repetitions",
    "Failed calls to be repeated, by whether the budget allowed it.",
    ["provider", "allowed"],
)
FALLBACKS_REFUSED = Counter(
    "pixel_provider_fallbacks_refused", "Fallbacks not taken because a budget has no room for them.", ["provider"]
)
ETA_ESTIMATES = Counter(
    "pixel_eta_estimates", "First starts against the interval that was quoted: inside, early or late.", ["start"]
)


BUDGET_LABELS = ["scope", "subject", "period", "unit"]
BUDGET_USED = Gauge("pixel_budget_used", "Used in the present period, in the budget's unit.", BUDGET_LABELS)
BUDGET_LIMIT = Gauge("pixel_budget_limit", "What may be used in a period, in the budget's unit.", BUDGET_LABELS)
LEDGER_VIOLATIONS = Gauge("pixel_ledger_violations", "Rows that broke a rule when it was last proved.", ["check"])


class SubmissionMetrics:
    """Counts submissions."""

    def submitted(self, verdict: str) -> None:
        SUBMISSIONS.labels(verdict).inc()


class JobMetrics:
    """Counts what happens to jobs."""

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
    """Counts what the engine does beside running jobs."""

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


class HealthMetrics:
    """Counts what the breakers of providers do."""

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
    """Counts how quotes of starts turned out."""

    def started(self, estimate_accuracy: EstimateAccuracy) -> None:
        ETA_ESTIMATES.labels(estimate_accuracy.value).inc()


class BudgetMetrics:
    """Shows how far budgets are used."""

    def budgets(self, known: Sequence[Budget]) -> None:
        BUDGET_USED.clear()
        BUDGET_LIMIT.clear()
        for budget in known:
            limit = budget.limit
            labels = (limit.scope.value, limit.subject, limit.period.value, limit.unit.value)
            BUDGET_USED.labels(*labels).set(budget.used)
            BUDGET_LIMIT.labels(*labels).set(limit.limit_amount)


class LedgerMetrics:
    """Counts what breaks the rules of the ledger."""

    def checked(self, rule: str, violations: int) -> None:
        LEDGER_VIOLATIONS.labels(rule).set(violations)
