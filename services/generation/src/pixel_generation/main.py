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
from pixel_events import Bus, Consumer, OutboxRelay, bus_of
from pixel_postgres import Pool, open_pool
from pixel_rpc import RpcServer, open_channel
from pixel_runtime import every
from pixel_runtime.clock import SystemClock
from pixel_runtime.service import Loop, Part, Service
from pixel_telemetry import MetricsServer

from pixel_generation.adapters.inbound.billing_grpc import BillingServicer
from pixel_generation.adapters.inbound.generations_grpc import GenerationsServicer
from pixel_generation.adapters.inbound.wake_ups import GROUP, REQUESTS, on_generation_requested
from pixel_generation.adapters.metrics import JobMetrics, SubmissionMetrics
from pixel_generation.adapters.outbound.media_rpc import GrpcAssets
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.housekeeping import PostgresHousekeeping
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.ledger import PostgresLedger
from pixel_generation.adapters.outbound.postgres.queries import PostgresQueries
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.adapters.outbound.tracing import TelemetryTracing
from pixel_generation.application import Application
from pixel_generation.application.grant_credits import grant_credits
from pixel_generation.application.live_catalogue import LiveCatalogue
from pixel_generation.application.read_generations import GenerationReader
from pixel_generation.application.run_job import RunTools
from pixel_generation.application.submission_batcher import SubmissionBatcher
from pixel_generation.application.submit_generations import submit_generations
from pixel_generation.application.sweep_jobs import SweepTools, sweep_jobs
from pixel_generation.application.work import Worker, WorkLimits
from pixel_generation.domain.recovery import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    import grpc.aio

    from pixel_generation.application.ports import ImageModel
    from pixel_generation.settings import Settings

ALL_ROLES = frozenset({"serve", "work", "relay"})
SCHEMA = "generation"
SERVICES = ("pixel.generation.v1.GenerationsService", "pixel.generation.v1.BillingService")
SKETCH_LANE = "sketch"


@dataclass(frozen=True)
class Backends:
    """What several roles need."""

    pool: Pool
    providers: Mapping[str, ImageModel]
    catalogue: LiveCatalogue


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
        backends = Backends(pool, providers, LiveCatalogue(source))
        parts: list[Part] = []
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


def open_providers(settings: Settings) -> dict[str, ImageModel]:
    """Return the providers that are configured, by the name the catalogue gives them."""
    from pixel_generation.adapters.outbound.sketch import SketchPainter

    providers: dict[str, ImageModel] = {"sketch": SketchPainter()}
    if settings.openai_api_key:
        from pixel_generation.adapters.outbound.openai_images import OpenAIImages

        providers["openai"] = OpenAIImages(api_key=settings.openai_api_key.reveal(), base_url=settings.openai_base_url)
    return providers


def serve_parts(settings: Settings, backends: Backends, service: Service) -> list[Part]:
    clock, metrics = SystemClock(), SubmissionMetrics()
    batcher = SubmissionBatcher(PostgresSubmissions(backends.pool), metrics, max_waiting=settings.submit_max_waiting)
    queries = PostgresQueries(backends.pool)
    app = Application(
        submit_generations=partial(
            submit_generations,
            catalogue=backends.catalogue,
            batcher=batcher,
            clock=clock,
            randomness=SystemRandomness(),
            observer=metrics,
            max_wait=timedelta(seconds=settings.queue_timeout_s),
            max_retries=settings.generation_max_retries,
        ),
        grant_credits=partial(grant_credits, ledger=PostgresLedger(backends.pool)),
        generations=GenerationReader(
            queries,
            backends.catalogue,
            clock,
            lane_slots=lane_slots(settings),
            slots=settings.max_concurrent_generations,
        ),
        balance=queries.balance,
        catalogue=backends.catalogue,
    )

    def register(server: grpc.aio.Server) -> None:
        add_GenerationsServiceServicer_to_server(GenerationsServicer(app), server)
        add_BillingServiceServicer_to_server(BillingServicer(app), server)

    return [
        batcher,
        RpcServer("generation-grpc", settings.grpc_address, register, services=SERVICES, ready=service.ready),
    ]


def work_parts(
    settings: Settings,
    backends: Backends,
    bus: Bus,
    channel: grpc.aio.Channel,
    checks: dict[str, Callable[[], Awaitable[None]]],
) -> list[Part]:
    clock = SystemClock()
    tools = RunTools(
        jobs=PostgresJobs(backends.pool, clock),
        assets=GrpcAssets(channel),
        clock=clock,
        randomness=SystemRandomness(),
        observer=JobMetrics(),
        tracing=TelemetryTracing(),
        policy=RetryPolicy(),
    )
    limits = WorkLimits(
        slots=settings.max_concurrent_generations,
        lane_slots=lane_slots(settings),
        claim_loops=settings.processing_worker_instances,
        run_timeout_s=settings.generation_timeout_ms / 1000,
        grace_s=settings.stop_grace_s,
    )
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    worker = Worker(worker_id, catalogue=backends.catalogue, providers=backends.providers, tools=tools, limits=limits)
    handler = on_generation_requested(worker.wake)
    consumer = Consumer(GROUP, bus, group=GROUP, topics=[REQUESTS], handler=handler)
    checks["requests"] = consumer.check
    return [worker, consumer]


def lane_slots(settings: Settings) -> dict[str, int]:
    """Return the bounds of lanes that are tighter than the worker's own: painting takes a core, waiting does not."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {SKETCH_LANE: min(settings.max_concurrent_generations, max(2, cores))}


def relay_parts(settings: Settings, backends: Backends, bus: Bus) -> list[Part]:
    clock = SystemClock()
    tools = SweepTools(
        jobs=PostgresJobs(backends.pool, clock),
        housekeeping=PostgresHousekeeping(backends.pool, clock),
        catalogue=backends.catalogue,
        providers=backends.providers,
        clock=clock,
        observer=JobMetrics(),
        policy=RetryPolicy(),
    )
    sweep = every(settings.sweep_interval_s, partial(sweep_jobs, tools=tools))
    return [OutboxRelay(backends.pool, bus, source="/generation"), Loop("generation-sweep", sweep)]
