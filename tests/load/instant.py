"""The generation service's core with an instant provider and store, to measure the engine.

`python -m tests.load.instant URL` works in a separate process, as the role does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from pixel_generation.adapters.metrics import EtaMetrics, HealthMetrics, JobMetrics, SubmissionMetrics
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.caches.queue_capacity import CountedQueueCapacity
from pixel_generation.adapters.outbound.caches.queue_snapshots import CachedQueueSnapshots
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.provider_health import PostgresProviderHealth
from pixel_generation.adapters.outbound.postgres.queue_counts import PostgresQueueCounts
from pixel_generation.adapters.outbound.postgres.queue_snapshots import PostgresQueueSnapshots
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.adapters.outbound.tracing import TelemetryTracing
from pixel_generation.application.execution.provider_health import HealthOfProviders
from pixel_generation.application.execution.run import RunTools
from pixel_generation.application.execution.runner import Produced
from pixel_generation.application.execution.runners.image import ImageRunner
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.application.reading.start_estimates import StartEstimates
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.jobs.recovery import RetryPolicy
from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE, ImageRequest, ProducedImage
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import Pool, open_pool
from pixel_runtime.clock import SystemClock

from tests.fakes.generation_catalogue import painting


class InstantProvider:
    """Delivers a few bytes for every picture, without delay."""

    capabilities = frozenset({TEXT_TO_IMAGE})
    repeatable = True

    async def generate(self, request: ImageRequest) -> AsyncIterator[ProducedImage]:
        for index in range(request.count):
            yield ProducedImage(index, b"picture", "image/png", seed=request.seed + index, cost_usd_micros=0)

    async def close(self) -> None:
        return


class InstantAssets:
    """Stores nothing."""

    async def store(self, produced: Produced, *, asset_id: UUID, job: Job) -> Output:
        del job
        facts = {"width": 256, "height": 256, **produced.facts}
        return Output(asset_id, produced.index, produced.content_type, len(produced.data), facts=facts)


class Core:
    """Submission and work on one pool each, as the roles `serve` and `work` have them."""

    def __init__(self, serving: Pool, working: Pool, *, slots: int, claim_loops: int) -> None:
        clock, randomness, metrics = SystemClock(), SystemRandomness(), SubmissionMetrics()
        source = PostgresCatalogue(serving, default="studio-sketch", providers=painting("sketch"))
        catalogue = CachedCatalogue(source)
        self.submissions = BatchedSubmissions(PostgresSubmissions(serving, MESSAGES))
        self.ports = {
            "catalogue": catalogue,
            "submissions": self.submissions,
            "clock": clock,
            "randomness": randomness,
            "observer": metrics,
            "starts": StartEstimates(
                CachedQueueSnapshots(PostgresQueueSnapshots(serving)), catalogue, slots=slots, queue_slots={}
            ),
            "capacity": CountedQueueCapacity(PostgresQueueCounts(serving)),
            "max_wait": timedelta(days=1),
            "max_retries": 2,
        }
        jobs = PostgresJobs(working, clock, KINDS, MESSAGES)
        tools = RunTools(
            jobs=jobs,
            steps=jobs,
            assets=InstantAssets(),
            clock=clock,
            randomness=randomness,
            observer=JobMetrics(),
            tracing=TelemetryTracing(),
            policy=RetryPolicy(),
            health=HealthOfProviders(PostgresProviderHealth(working), HealthMetrics(), randomness.fraction),
            catalogue=catalogue,
            eta=EtaMetrics(),
        )
        self.worker = Worker(
            "bench",
            catalogue=catalogue,
            runners={"image": ImageRunner({"sketch": InstantProvider()})},
            tools=tools,
            limits=WorkLimits(slots=slots, claim_loops=claim_loops, poll_s=0.05),
        )


@asynccontextmanager
async def core(url: str, *, slots: int = 100, claim_loops: int = 1) -> AsyncIterator[Core]:
    async with (
        open_pool(url, schema="generation", application="bench-serve", max_size=4) as serving,
        open_pool(url, schema="generation", application="bench-work", max_size=10) as working,
    ):
        yield Core(serving, working, slots=slots, claim_loops=claim_loops)


@asynccontextmanager
async def working(url: str) -> AsyncIterator[int]:
    """Run a worker in a separate process; yield its pid."""
    command = (sys.executable, "-m", "tests.load.instant", url)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"working\n"
        yield process.pid
    finally:
        process.stdin.close()
        await process.wait()


async def _work(url: str) -> None:
    async with core(url) as engine:
        await engine.worker.start()
        print("working", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await engine.worker.stop()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
