"""Cancellations racing with the end of runs: one winner each, and the charge matches the response."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from pixel_generation.adapters.inbound.worker_signals import on_cancel, on_runnable
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application.execution.provider_health import HealthOfProviders
from pixel_generation.application.execution.run import RunTools
from pixel_generation.application.execution.runners.image import ImageRunner
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.application.submission.cancel import Cancellation, CancelTools, cancel_generations
from pixel_generation.domain.jobs.cancellation import CancelOutcome, outcome_of_cancel
from pixel_generation.domain.jobs.job import Job, Status
from pixel_generation.domain.jobs.recovery import RetryPolicy
from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE, ImageRequest, ProducedImage
from pixel_generation.wiring.kinds import KINDS
from pixel_runtime.clock import SystemClock
from pixel_runtime.service import Loop

from tests.fakes.generation import FakeClock
from tests.fakes.generation_catalogue import FakeCatalogue
from tests.fakes.generation_eta import FakeEtaObserver
from tests.fakes.generation_health import FakeHealthObserver, FakeHealthStore
from tests.fakes.generation_neighbours import FakeAssets, FakeEngineObserver, FakeObserver, FakeTracing
from tests.integration.generation.real_engine import RealEngine, open_engine
from tests.parts import MakeDatabase

RACES = 2_000 if os.environ.get("PROFILE") == "full" else 200
ROUND = 50
SEED = 7
LONGEST_PICTURE_S = 0.03


class SlowPainter:
    """Two images, each after a random pause; some calls have no pause between them."""

    capabilities = frozenset({TEXT_TO_IMAGE})
    repeatable = True

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw

    async def generate(self, request: ImageRequest) -> AsyncIterator[ProducedImage]:
        for index in range(request.count):
            await asyncio.sleep(self._draw.uniform(0, LONGEST_PICTURE_S))
            yield ProducedImage(index, b"p", "image/png", None, "req", 10)

    async def close(self) -> None:
        return


@asynccontextmanager
async def working(engine: RealEngine, draw: random.Random) -> AsyncIterator[None]:
    painter = SlowPainter(draw)
    catalogue = CachedCatalogue(FakeCatalogue())
    tools = RunTools(
        engine.jobs,
        engine.jobs,
        FakeAssets(),
        SystemClock(),
        SystemRandomness(),
        FakeObserver(),
        FakeTracing(),
        RetryPolicy(),
        HealthOfProviders(FakeHealthStore(FakeClock()), FakeHealthObserver(), draw.random),
        catalogue,
        FakeEtaObserver(),
    )
    limits = WorkLimits(slots=12, poll_s=0.05, heartbeat_s=5)
    worker = Worker(
        "w", catalogue=catalogue, runners={"image": ImageRunner({"sketch": painter})}, tools=tools, limits=limits
    )
    parts: list[Worker | Loop] = [
        worker,
        Loop("cancels", on_cancel(engine.pool, worker)),
        Loop("runnable", on_runnable(engine.pool, worker)),
    ]
    for part in parts:
        await part.start()
    try:
        yield
    finally:
        for part in reversed(parts):
            await part.stop()


async def race(engine: RealEngine, user: UUID, job: Job, after_s: float) -> CancelOutcome:
    await asyncio.sleep(after_s)
    tools = CancelTools(
        PostgresAllJobs(engine.pool, KINDS),
        engine.jobs,
        SystemClock(),
        FakeObserver(),
        FakeEngineObserver(),
        patience_s=10,
    )
    (result,) = await cancel_generations(user, [job.id], tools=tools)
    assert isinstance(result, Cancellation)
    return result.outcome


async def ended(engine: RealEngine, user: UUID, jobs: list[Job]) -> dict[UUID, Job]:
    deadline = time.monotonic() + 60
    while True:
        found = await PostgresAllJobs(engine.pool, KINDS).find_owned([job.id for job in jobs], user)
        if all(job.status.is_final for job in found.values()):
            return found
        alive = [job for job in found.values() if not job.status.is_final]
        assert time.monotonic() < deadline, f"not ended: {alive}"
        await asyncio.sleep(0.05)


async def test_a_cancel_race_has_one_winner_and_the_charge_matches_it(make_database: MakeDatabase) -> None:
    draw = random.Random(SEED)
    answers: Counter[CancelOutcome] = Counter()
    async with open_engine(make_database) as engine, working(engine, draw):
        user, neighbour = await engine.user(100_000), await engine.user(100_000)
        for _ in range(RACES // ROUND):
            mine, theirs = await engine.submit(user, ROUND), await engine.submit(neighbour, ROUND // 10)
            longest = ROUND / 12 * 2 * LONGEST_PICTURE_S * 1.2
            outcomes = await asyncio.gather(*(race(engine, user, job, draw.uniform(0, longest)) for job in mine))
            now = await ended(engine, user, mine)
            for job, outcome in zip(mine, outcomes, strict=True):
                assert outcome is outcome_of_cancel(now[job.id])
                assert now[job.id].captured_credits == len(now[job.id].outputs)
            others = await ended(engine, neighbour, theirs)
            assert {job.status for job in others.values()} == {Status.COMPLETED}
            answers.update(outcomes)
        await assert_one_end_each(engine)
        await engine.assert_consistent()
        assert await engine.assert_replayable() == RACES + RACES // 10
    assert set(answers) == {CancelOutcome.FREE, CancelOutcome.PARTIAL, CancelOutcome.TOO_LATE}


async def assert_one_end_each(engine: RealEngine) -> None:
    wrong = await engine.row(
        """
        SELECT count(*) FROM live_jobs AS j WHERE
            (SELECT count(*) FROM job_events AS e WHERE e.job_id = j.id AND e.stage = 'done') <> 1
            OR (SELECT coalesce(sum(e.credits), 0) FROM ledger_transfers AS t
                JOIN ledger_entries AS e ON e.transfer_id = t.id AND e.account = 'user_held' WHERE t.job_id = j.id) <> 0
            OR (SELECT coalesce(sum(e.credits), 0) FROM ledger_transfers AS t
                JOIN ledger_entries AS e ON e.transfer_id = t.id AND e.account = 'platform_revenue'
                WHERE t.job_id = j.id) <> j.captured_credits
        """
    )
    assert wrong["count"] == 0


@pytest.mark.parametrize("places", [1, None])
async def test_concurrent_cancellations_free_their_concurrency_slots(
    make_database: MakeDatabase, places: int | None
) -> None:
    async with open_engine(make_database) as engine:
        user = await engine.user(max_running=places)
        jobs = await engine.submit(user, 20)
        running = await engine.claim(5)
        tools = CancelTools(
            PostgresAllJobs(engine.pool, KINDS),
            engine.jobs,
            SystemClock(),
            FakeObserver(),
            FakeEngineObserver(),
            patience_s=0,
        )
        calls = [cancel_generations(user, [job.id for job in jobs[n::4]], tools=tools) for n in range(4)]
        outcomes = [result.outcome for results in await asyncio.gather(*calls) for result in results]  # type: ignore[union-attr]
        assert outcomes.count(CancelOutcome.PENDING) == len(running)
        await engine.assert_consistent()
        for job in running:
            told = await engine.jobs.find(job.id)
            assert told is not None
            await engine.write(told, told.cancelled(at=SystemClock().now()))
        assert (await engine.account(user))["open_jobs"] == 0
        await engine.assert_consistent()
