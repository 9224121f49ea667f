"""The adapters of one process: each is made once and shared by the roles."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_postgres import Pool, open_pool
from pixel_runtime.clock import SystemClock

from pixel_generation.adapters.metrics import DutyMetrics, EngineMetrics, JobMetrics, LedgerMetrics, SubmissionMetrics
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.caches.queue_capacity import CountedQueueCapacity
from pixel_generation.adapters.outbound.caches.queue_snapshots import CachedQueueSnapshots
from pixel_generation.adapters.outbound.caches.queues import CachedQueues
from pixel_generation.adapters.outbound.postgres.accounts import PostgresAccounts, PostgresBudgets
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.clock import PostgresClock
from pixel_generation.adapters.outbound.postgres.due_jobs import PostgresDueJobs
from pixel_generation.adapters.outbound.postgres.housekeeping import PostgresHousekeeping
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.leadership import PostgresLeadership
from pixel_generation.adapters.outbound.postgres.ledger import PostgresLedger, PostgresPromotions
from pixel_generation.adapters.outbound.postgres.ledger_rules import PostgresLedgerRules
from pixel_generation.adapters.outbound.postgres.operations import (
    PostgresActions,
    PostgresFailures,
    PostgresQueues,
    PostgresStatistics,
)
from pixel_generation.adapters.outbound.postgres.provider_health import PostgresProviderHealth
from pixel_generation.adapters.outbound.postgres.queries import PostgresQueries
from pixel_generation.adapters.outbound.postgres.queue_counts import PostgresQueueCounts
from pixel_generation.adapters.outbound.postgres.queue_holds import PostgresQueueHolds
from pixel_generation.adapters.outbound.postgres.queue_snapshots import PostgresQueueSnapshots
from pixel_generation.adapters.outbound.postgres.set_aside import PostgresSetAside
from pixel_generation.adapters.outbound.postgres.statements import PostgresStatements
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.adapters.outbound.postgres.workers import PostgresWorkers
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.wiring.kinds import ALL, Kind, kinds_of, messages_of, runners_of
from pixel_generation.wiring.providers import open_providers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from pixel_generation.adapters.work.messages import WorkMessages
    from pixel_generation.application.execution.runner import Runner
    from pixel_generation.domain.providers.provider import Provider
    from pixel_generation.settings import Settings

SCHEMA = "generation"


@dataclass(frozen=True)
class Adapters:
    """The adapters that all roles use."""

    pool: Pool
    clock: PostgresClock
    randomness: SystemRandomness
    providers: Mapping[str, Provider]
    messages: WorkMessages
    runners: Mapping[str, Runner]
    catalogue: CachedCatalogue

    jobs: PostgresJobs
    all_jobs: PostgresAllJobs
    submissions: BatchedSubmissions
    dry_runs: PostgresSubmissions
    queries: PostgresQueries
    queue_capacity: CountedQueueCapacity
    queue_snapshots: CachedQueueSnapshots
    queue_holds: PostgresQueueHolds
    housekeeping: PostgresHousekeeping
    leadership: PostgresLeadership
    due_jobs: PostgresDueJobs
    set_aside: PostgresSetAside
    provider_health: PostgresProviderHealth
    workers: PostgresWorkers

    ledger: PostgresLedger
    ledger_rules: PostgresLedgerRules
    statements: PostgresStatements
    promotions: PostgresPromotions
    accounts: PostgresAccounts
    budgets: PostgresBudgets

    queues: CachedQueues
    failures: PostgresFailures
    statistics: PostgresStatistics
    actions: PostgresActions

    submission_metrics: SubmissionMetrics
    job_metrics: JobMetrics
    engine_metrics: EngineMetrics
    ledger_metrics: LedgerMetrics
    duty_metrics: DutyMetrics


def open_database(settings: Settings) -> AbstractAsyncContextManager[Pool]:
    return open_pool(
        settings.database_url, schema=SCHEMA, application="pixel-generation", max_size=settings.pool_max_size
    )


@asynccontextmanager
async def open_adapters(settings: Settings, kinds_of_work: Sequence[Kind] = ALL) -> AsyncIterator[Adapters]:
    """Open the database and the providers, and make the adapters on them."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_database(settings))
        kinds, messages = kinds_of(kinds_of_work), messages_of(kinds_of_work)
        providers = open_providers(settings)
        for provider in providers.values():
            stack.push_async_callback(provider.close)
        clock = PostgresClock(pool, SystemClock())
        await clock.look()
        jobs = PostgresJobs(pool, clock, kinds, messages)
        stack.push_async_callback(jobs.close)
        decisions = PostgresSubmissions(pool, messages)
        submissions = BatchedSubmissions(decisions, max_waiting=settings.submit_max_waiting)
        stack.push_async_callback(submissions.close)
        capacity = CountedQueueCapacity(PostgresQueueCounts(pool))
        stack.push_async_callback(capacity.close)
        source = PostgresCatalogue(
            pool,
            default=settings.default_model,
            providers={name: provider.capabilities for name, provider in providers.items()},
        )
        yield Adapters(
            pool=pool,
            clock=clock,
            randomness=SystemRandomness(),
            providers=providers,
            messages=messages,
            runners=runners_of(kinds_of_work, providers),
            catalogue=CachedCatalogue(source),
            jobs=jobs,
            all_jobs=PostgresAllJobs(pool, kinds),
            submissions=submissions,
            dry_runs=decisions,
            queries=PostgresQueries(pool, kinds),
            queue_capacity=capacity,
            queue_snapshots=CachedQueueSnapshots(PostgresQueueSnapshots(pool)),
            queue_holds=PostgresQueueHolds(pool),
            housekeeping=PostgresHousekeeping(pool, clock, kinds, messages),
            leadership=PostgresLeadership(pool),
            due_jobs=PostgresDueJobs(pool, kinds),
            set_aside=PostgresSetAside(pool),
            provider_health=PostgresProviderHealth(pool),
            workers=PostgresWorkers(pool),
            ledger=PostgresLedger(pool),
            ledger_rules=PostgresLedgerRules(pool),
            statements=PostgresStatements(pool),
            promotions=PostgresPromotions(pool),
            accounts=PostgresAccounts(pool),
            budgets=PostgresBudgets(pool),
            queues=CachedQueues(PostgresQueues(pool)),
            failures=PostgresFailures(pool, kinds),
            statistics=PostgresStatistics(pool),
            actions=PostgresActions(pool),
            submission_metrics=SubmissionMetrics(),
            job_metrics=JobMetrics(),
            engine_metrics=EngineMetrics(),
            ledger_metrics=LedgerMetrics(),
            duty_metrics=DutyMetrics(),
        )
