"""The composition root: the only module that knows every adapter."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel.generation.v1.billing_service_pb2_grpc import add_BillingServiceServicer_to_server
from pixel.generation.v1.generations_service_pb2_grpc import add_GenerationsServiceServicer_to_server
from pixel.generation.v1.operations_service_pb2_grpc import add_OperationsServiceServicer_to_server
from pixel_events import Bus, Consumer, OutboxRelay, bus_of
from pixel_postgres import Pool, open_pool
from pixel_rpc import RpcServer, open_channel
from pixel_runtime import every
from pixel_runtime.clock import SystemClock
from pixel_runtime.loop import pause
from pixel_runtime.service import Loop, Part, Service
from pixel_telemetry import MetricsServer

from pixel_generation.adapters.inbound.grpc.billing.servicer import BillingServicer
from pixel_generation.adapters.inbound.grpc.generations.servicer import GenerationsServicer
from pixel_generation.adapters.inbound.grpc.operations.servicer import OperationsServicer
from pixel_generation.adapters.inbound.request_signals import GROUP, REQUESTS, on_generation_requested
from pixel_generation.adapters.inbound.worker_signals import on_cancel, on_runnable
from pixel_generation.adapters.metrics import (
    BudgetMetrics,
    EngineMetrics,
    EtaMetrics,
    HealthMetrics,
    JobMetrics,
    LedgerMetrics,
    SubmissionMetrics,
)
from pixel_generation.adapters.outbound.media_rpc import GrpcAssets
from pixel_generation.adapters.outbound.postgres.accounts import PostgresAccounts, PostgresBudgets
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.clock import PostgresClock
from pixel_generation.adapters.outbound.postgres.housekeeping import PostgresHousekeeping
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
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
from pixel_generation.adapters.outbound.postgres.statements import PostgresStatements
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.adapters.outbound.postgres.workers import PostgresWorkers
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.adapters.outbound.tracing import TelemetryTracing
from pixel_generation.application import Application
from pixel_generation.application.billing.billing import Billing
from pixel_generation.application.billing.read_statement import StatementReader
from pixel_generation.application.execution.provider_health import HealthOfProviders
from pixel_generation.application.execution.run import RunTools
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.application.execution.worker_presence import WorkerPresence
from pixel_generation.application.maintenance.ports import CallLookup
from pixel_generation.application.maintenance.reconcile_ledger import nightly, reconcile_as_leader, reconcile_ledger
from pixel_generation.application.maintenance.replay_jobs import replay_jobs
from pixel_generation.application.maintenance.sweep_jobs import SweepTools, end_due_holds, sweep_jobs
from pixel_generation.application.maintenance.watch_budgets import watch_budgets
from pixel_generation.application.operations.failed_jobs import FailedJobs
from pixel_generation.application.operations.operate_queue import QueueOperator
from pixel_generation.application.operations.operations import Operations
from pixel_generation.application.operations.read_statistics import read_statistics
from pixel_generation.application.reading.live_catalogue import LiveCatalogue
from pixel_generation.application.reading.read_generations import GenerationReader
from pixel_generation.application.submission.cancel import CancelTools, cancel_generations
from pixel_generation.application.submission.new_job import JobLimits
from pixel_generation.application.submission.queue_capacity import QueueCapacity
from pixel_generation.application.submission.quote import quote_generation
from pixel_generation.application.submission.resubmissions import Resubmissions
from pixel_generation.application.submission.retry import RetryTools, retry_generations
from pixel_generation.application.submission.start_estimates import StartEstimates
from pixel_generation.application.submission.submission_batcher import SubmissionBatcher
from pixel_generation.application.submission.submit import submit_generations
from pixel_generation.domain.billing.token_prices import parse_token_prices
from pixel_generation.domain.jobs.recovery import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    import grpc.aio

    from pixel_generation.application.execution.ports import ImageModel
    from pixel_generation.application.maintenance.ports import RuleResult
    from pixel_generation.application.maintenance.replay_jobs import Replayed
    from pixel_generation.settings import Settings

ALL_ROLES = frozenset({"serve", "work", "relay"})
SCHEMA = "generation"
SERVICES = (
    "pixel.generation.v1.GenerationsService",
    "pixel.generation.v1.BillingService",
    "pixel.generation.v1.OperationsService",
)
SKETCH_QUEUE = "sketch"
CLOCK_LOOK_S = 10.0
BUDGETS_LOOK_S = 30.0


@dataclass(frozen=True)
class Backends:
    """What several roles need."""

    pool: Pool
    clock: PostgresClock
    providers: Mapping[str, ImageModel]
    catalogue: LiveCatalogue


@dataclass(frozen=True)
class Commands:
    """What an operator runs by hand."""

    reconcile: Callable[[], Awaitable[list[RuleResult]]]
    replay: Callable[[int], Awaitable[Replayed]]


@asynccontextmanager
async def build(settings: Settings, roles: frozenset[str] = ALL_ROLES) -> AsyncIterator[Service]:
    """Open what the roles need, wire it, and close it in reverse order."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(
                settings.database_url, schema=SCHEMA, application="pixel-generation", max_size=settings.pool_max_size
            )
        )
        providers = open_providers(settings)
        for provider in providers.values():
            stack.push_async_callback(provider.close)
        source = PostgresCatalogue(pool, default=settings.default_model, providers=frozenset(providers))
        clock = PostgresClock(pool, SystemClock())
        await clock.look()
        backends = Backends(pool, clock, providers, LiveCatalogue(source))
        parts: list[Part] = [Loop("generation-clock", every(CLOCK_LOOK_S, clock.look))]
        checks: dict[str, Callable[[], Awaitable[None]]] = {"postgres": pool.check}
        service = Service("generation", parts=parts, checks=checks)
        if settings.metrics_address:
            parts.append(MetricsServer(settings.metrics_address))
        if roles & {"work", "relay"}:
            bus = bus_of(settings)
            stack.push_async_callback(bus.close)
            if "relay" in roles:
                parts += relay_parts(settings, backends, bus)
            if "work" in roles:
                channel = await stack.enter_async_context(open_channel(settings.media_address))
                parts += work_parts(settings, backends, bus, channel, checks)
        if "serve" in roles:
            parts += serve_parts(settings, backends, service)
        yield service


@asynccontextmanager
async def open_commands(settings: Settings) -> AsyncIterator[Commands]:
    """Give what an operator runs by hand; raise Unavailable at once when the database does not answer."""
    async with open_pool(settings.database_url, schema=SCHEMA, application="pixel-generation-operator") as pool:
        await pool.check()
        yield Commands(
            reconcile=partial(reconcile_ledger, rules=PostgresLedgerRules(pool), observer=LedgerMetrics()),
            replay=partial(replay_jobs, jobs=PostgresAllJobs(pool), history=PostgresJobs(pool, SystemClock())),
        )


def open_providers(settings: Settings) -> dict[str, ImageModel]:
    """Return the providers that are configured, by the name the catalogue gives them."""
    from pixel_generation.adapters.outbound.providers.sketch import SketchPainter

    providers: dict[str, ImageModel] = {"sketch": SketchPainter()}
    if settings.openai_api_key:
        from pixel_generation.adapters.outbound.providers.openai import OpenAIImages

        providers["openai"] = OpenAIImages(
            api_key=settings.openai_api_key.reveal(),
            base_url=settings.openai_base_url,
            prices=parse_token_prices(settings.openai_token_prices),
        )
    return providers


def serve_parts(settings: Settings, backends: Backends, service: Service) -> list[Part]:
    clock, metrics = backends.clock, SubmissionMetrics()
    submissions = PostgresSubmissions(backends.pool)
    batcher = SubmissionBatcher(submissions, metrics, max_waiting=settings.submit_max_waiting)
    queries = PostgresQueries(backends.pool)
    starts = StartEstimates(
        PostgresQueueSnapshots(backends.pool),
        backends.catalogue,
        slots=settings.max_concurrent_generations,
        queue_slots=queue_slots(settings),
    )
    capacity = QueueCapacity(PostgresQueueCounts(backends.pool))
    statement = StatementReader(PostgresStatements(backends.pool), clock)
    max_wait = timedelta(seconds=settings.queue_timeout_s)
    resubmissions = Resubmissions(batcher, backends.catalogue, clock, metrics, max_wait=max_wait)
    operations = operations_of(settings, backends, resubmissions)
    reconcile = partial(reconcile_ledger, rules=PostgresLedgerRules(backends.pool), observer=LedgerMetrics())
    app = Application(
        submit_generations=partial(
            submit_generations,
            catalogue=backends.catalogue,
            batcher=batcher,
            clock=clock,
            randomness=SystemRandomness(),
            observer=metrics,
            starts=starts,
            capacity=capacity,
            max_wait=max_wait,
            max_retries=settings.generation_max_retries,
        ),
        generations=GenerationReader(queries, starts, clock),
        catalogue=backends.catalogue,
        receipt=statement.receipt,
        quote_generation=partial(
            quote_generation,
            dry_runs=submissions,
            catalogue=backends.catalogue,
            starts=starts,
            capacity=capacity,
            clock=clock,
            randomness=SystemRandomness(),
            limits=JobLimits(max_wait, settings.generation_max_retries),
        ),
        cancel_generations=partial(cancel_generations, tools=cancel_tools(backends)),
        retry_generations=partial(retry_generations, tools=retry_tools(backends, resubmissions)),
    )

    ledger = PostgresLedger(backends.pool)
    billing = Billing(
        ledger=ledger,
        corrections=ledger,
        promotions=PostgresPromotions(backends.pool),
        accounts=PostgresAccounts(backends.pool),
        budgets=PostgresBudgets(backends.pool),
    )

    def register(server: grpc.aio.Server) -> None:
        add_GenerationsServiceServicer_to_server(GenerationsServicer(app), server)
        add_BillingServiceServicer_to_server(BillingServicer(billing, statement, reconcile), server)
        add_OperationsServiceServicer_to_server(OperationsServicer(operations), server)

    return [
        batcher,
        RpcServer("generation-grpc", settings.grpc_address, register, services=SERVICES, ready=service.ready),
    ]


def cancel_tools(backends: Backends) -> CancelTools:
    clock = backends.clock
    all_jobs, jobs = PostgresAllJobs(backends.pool), PostgresJobs(backends.pool, clock)
    return CancelTools(all_jobs, jobs, clock, JobMetrics(), EngineMetrics())


def retry_tools(backends: Backends, resubmissions: Resubmissions) -> RetryTools:
    clock = backends.clock
    jobs, actions = PostgresAllJobs(backends.pool), PostgresActions(backends.pool)
    return RetryTools(jobs, resubmissions, actions, clock, SystemRandomness())


def operations_of(settings: Settings, backends: Backends, resubmissions: Resubmissions) -> Operations:
    clock, pool = backends.clock, backends.pool
    actions = PostgresActions(pool)
    tools = sweep_tools(settings, backends)
    return Operations(
        queue=QueueOperator(
            PostgresQueues(pool), signal_queues=tools.housekeeping.signal_queues, sweep=partial(sweep_jobs, tools=tools)
        ),
        failures=FailedJobs(
            PostgresFailures(pool), actions, PostgresAllJobs(pool), resubmissions, clock, SystemRandomness()
        ),
        statistics=partial(read_statistics, statistics=PostgresStatistics(pool), clock=clock),
        actions=actions,
    )


def work_parts(
    settings: Settings,
    backends: Backends,
    bus: Bus,
    channel: grpc.aio.Channel,
    checks: dict[str, Callable[[], Awaitable[None]]],
) -> list[Part]:
    clock = backends.clock
    tools = RunTools(
        jobs=PostgresJobs(backends.pool, clock),
        assets=GrpcAssets(channel),
        clock=clock,
        randomness=SystemRandomness(),
        observer=JobMetrics(),
        tracing=TelemetryTracing(),
        policy=RetryPolicy(reconcile_for_s=settings.reconcile_for_s),
        health=HealthOfProviders(PostgresProviderHealth(backends.pool), HealthMetrics(), SystemRandomness().fraction),
        catalogue=backends.catalogue,
        eta=EtaMetrics(),
    )
    limits = WorkLimits(
        slots=settings.max_concurrent_generations,
        queue_slots=queue_slots(settings),
        claim_loops=settings.processing_worker_instances,
        lease_s=settings.worker_lease_s,
        heartbeat_s=settings.worker_heartbeat_s,
        run_timeout_s=settings.generation_timeout_ms / 1000,
        grace_s=settings.stop_grace_s,
    )
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    worker = Worker(worker_id, catalogue=backends.catalogue, providers=backends.providers, tools=tools, limits=limits)
    handler = on_generation_requested(worker.signal)
    consumer = Consumer(GROUP, bus, group=GROUP, topics=[REQUESTS], handler=handler)
    checks["requests"] = consumer.check
    cancels = Loop("generation-cancels", on_cancel(backends.pool, worker))
    runnable = Loop("generation-runnable", on_runnable(backends.pool, worker))
    presence = WorkerPresence(worker_id, PostgresWorkers(backends.pool), backends.catalogue, slots=limits.slots)
    return [worker, presence, cancels, runnable, consumer]


def queue_slots(settings: Settings) -> dict[str, int]:
    """Return the bounds of queues that are tighter than the worker's own: painting takes a core, waiting does not."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {SKETCH_QUEUE: min(settings.max_concurrent_generations, max(2, cores))}


def sweep_tools(settings: Settings, backends: Backends) -> SweepTools:
    clock = backends.clock
    jobs = PostgresJobs(backends.pool, clock)
    return SweepTools(
        jobs=jobs,
        housekeeping=PostgresHousekeeping(backends.pool, clock),
        catalogue=backends.catalogue,
        providers=backends.providers,
        clock=clock,
        observer=JobMetrics(),
        policy=RetryPolicy(reconcile_for_s=settings.reconcile_for_s),
        queue_holds=PostgresQueueHolds(backends.pool),
        calls=jobs,
        engine_observer=EngineMetrics(),
        lookups=lookups_of(backends.providers),
        archive_after=timedelta(days=settings.archive_after_days),
    )


def lookups_of(providers: Mapping[str, object]) -> dict[str, CallLookup]:
    """Return the providers that can tell what became of a call."""
    return {name: provider for name, provider in providers.items() if isinstance(provider, CallLookup)}


def relay_parts(settings: Settings, backends: Backends, bus: Bus) -> list[Part]:
    sweep = every(settings.sweep_interval_s, partial(sweep_jobs, tools=sweep_tools(settings, backends)))
    queue_holds = every(
        settings.hold_interval_s,
        partial(end_due_holds, queue_holds=PostgresQueueHolds(backends.pool), observer=EngineMetrics()),
    )
    look_at_budgets = partial(watch_budgets, budgets=PostgresBudgets(backends.pool), observer=BudgetMetrics())
    rules = PostgresLedgerRules(backends.pool)
    reconcile = nightly(partial(reconcile_as_leader, rules=rules, observer=LedgerMetrics()), backends.clock, pause)
    return [
        OutboxRelay(backends.pool, bus, source="/generation"),
        Loop("generation-sweep", sweep),
        Loop("generation-holds", queue_holds),
        Loop("generation-reconcile", reconcile),
        Loop("generation-budgets", every(BUDGETS_LOOK_S, look_at_budgets)),
    ]
