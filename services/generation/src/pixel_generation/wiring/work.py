"""The role `work`: runs jobs."""

from __future__ import annotations

import os
import secrets
import socket
from typing import TYPE_CHECKING

from pixel_events import Bus, Consumer
from pixel_runtime.service import Loop, Part

from pixel_generation.adapters.inbound.request_signals import GROUP, REQUESTS, on_generation_requested
from pixel_generation.adapters.inbound.worker_signals import on_cancel, on_runnable
from pixel_generation.adapters.metrics import EtaMetrics, HealthMetrics
from pixel_generation.adapters.outbound.media_rpc import GrpcAssets
from pixel_generation.adapters.outbound.tracing import TelemetryTracing
from pixel_generation.application.execution.provider_health import HealthOfProviders
from pixel_generation.application.execution.run import RunTools
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.application.execution.worker_presence import WorkerPresence
from pixel_generation.domain.jobs.recovery import RetryPolicy

if TYPE_CHECKING:
    import grpc.aio
    from pixel_runtime.service import Service

    from pixel_generation.settings import Settings
    from pixel_generation.wiring.adapters import Adapters

SKETCH_QUEUE = "sketch"


def work_parts(
    settings: Settings, adapters: Adapters, bus: Bus, media: grpc.aio.Channel, service: Service
) -> list[Part]:
    """Return the worker, its signals, and the consumer of requests, whose state is a readiness check."""
    limits = work_limits(settings)
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    worker = Worker(
        worker_id,
        catalogue=adapters.catalogue,
        runners=adapters.runners,
        tools=run_tools(settings, adapters, media),
        limits=limits,
    )
    handler = on_generation_requested(worker.signal)
    consumer = Consumer(GROUP, bus, group=GROUP, topics=[REQUESTS], handler=handler)
    service.checks = {**service.checks, "requests": consumer.check}
    return [
        worker,
        WorkerPresence(worker_id, adapters.workers, adapters.catalogue, slots=limits.slots),
        Loop("generation-cancels", on_cancel(adapters.pool, worker)),
        Loop("generation-runnable", on_runnable(adapters.pool, worker)),
        consumer,
    ]


def run_tools(settings: Settings, adapters: Adapters, media: grpc.aio.Channel) -> RunTools:
    return RunTools(
        jobs=adapters.jobs,
        steps=adapters.jobs,
        assets=GrpcAssets(media),
        clock=adapters.clock,
        randomness=adapters.randomness,
        observer=adapters.job_metrics,
        tracing=TelemetryTracing(),
        policy=RetryPolicy(reconcile_for_s=settings.reconcile_for_s),
        health=HealthOfProviders(adapters.provider_health, HealthMetrics(), adapters.randomness.fraction),
        catalogue=adapters.catalogue,
        eta=EtaMetrics(),
    )


def work_limits(settings: Settings) -> WorkLimits:
    return WorkLimits(
        slots=settings.max_concurrent_generations,
        queue_slots=queue_slots(settings),
        claim_loops=settings.processing_worker_instances,
        lease_s=settings.worker_lease_s,
        heartbeat_s=settings.worker_heartbeat_s,
        run_timeout_s=settings.generation_timeout_ms / 1000,
        grace_s=settings.stop_grace_s,
    )


def queue_slots(settings: Settings) -> dict[str, int]:
    """Return the queue limits below the worker's own: painting needs a core, waiting for a provider does not."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {SKETCH_QUEUE: min(settings.max_concurrent_generations, max(2, cores))}
