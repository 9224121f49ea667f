"""Retries racing with cancellations of one job: each round is held and settled once, every response is correct."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from pixel_errors import PixelError
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.operations import PostgresActions
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application.submission.cancel import CancelTools, cancel_generations
from pixel_generation.application.submission.resubmissions import ResubmitTools, resubmit_jobs
from pixel_generation.application.submission.retry import RetryTools, retry_generations
from pixel_generation.wiring.kinds import KINDS
from pixel_runtime.clock import SystemClock

from tests.fakes.generation_catalogue import FakeCatalogue
from tests.fakes.generation_neighbours import FakeEngineObserver, FakeObserver
from tests.integration.generation.real_engine import RealEngine, open_engine
from tests.parts import MakeDatabase

SEED = 11
LONGEST_S = 0.5
"""The time window in which all calls begin."""


@pytest.fixture(autouse=True)
def patient_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred calls queue for ten connections: on a busy machine for longer than the three seconds of a service."""
    monkeypatch.setattr("pixel_postgres.pool._WAIT_FOR_CONNECTION_S", 30.0)


@asynccontextmanager
async def retrying(engine: RealEngine) -> AsyncIterator[RetryTools]:
    clock, observer = SystemClock(), FakeObserver()
    submissions = BatchedSubmissions(engine.submissions)
    catalogue = CachedCatalogue(FakeCatalogue())
    rounds = ResubmitTools(submissions, catalogue, clock, observer, timedelta(hours=1))
    resubmit = partial(resubmit_jobs, tools=rounds)
    try:
        yield RetryTools(
            PostgresAllJobs(engine.pool, KINDS), resubmit, PostgresActions(engine.pool), clock, SystemRandomness()
        )
    finally:
        await submissions.close()


async def cancel(engine: RealEngine, user: UUID, job_id: UUID) -> str:
    tools = CancelTools(
        PostgresAllJobs(engine.pool, KINDS),
        engine.jobs,
        SystemClock(),
        FakeObserver(),
        FakeEngineObserver(),
        patience_s=0,
    )
    (result,) = await cancel_generations(user, [job_id], tools=tools)
    return result.code if isinstance(result, PixelError) else result.outcome.value


async def retry(tools: RetryTools, user: UUID, job_id: UUID) -> str:
    (result,) = await retry_generations(user, [job_id], tools=tools)
    return result.code if isinstance(result, PixelError) else "again" if result.job else "replayed"


async def rounds(engine: RealEngine, job_id: UUID) -> int:
    return int((await engine.row("SELECT round FROM live_jobs WHERE id = %s", job_id))["round"])


async def test_concurrent_retries_start_one_round(make_database: MakeDatabase) -> None:
    async with open_engine(make_database) as engine, retrying(engine) as tools:
        user = await engine.user()
        (job,) = await engine.submit(user)
        assert await cancel(engine, user, job.id) == "free"
        answers = Counter(await asyncio.gather(*(retry(tools, user, job.id) for _ in range(30))))
        assert answers == {"again": 1, "replayed": 29}
        assert await rounds(engine, job.id) == 2
        await engine.assert_consistent()


async def test_a_retry_between_cancellations_is_never_refused_as_impossible(make_database: MakeDatabase) -> None:
    draw = random.Random(SEED)
    async with open_engine(make_database) as engine, retrying(engine) as tools:
        user = await engine.user()
        jobs = await engine.submit(user, 5)

        async def call(job_id: UUID, after_s: float, *, is_cancel: bool) -> str:
            await asyncio.sleep(after_s)
            return await (cancel(engine, user, job_id) if is_cancel else retry(tools, user, job_id))

        calls = [
            call(job.id, draw.uniform(0, LONGEST_S), is_cancel=draw.random() < 0.5) for job in jobs for _ in range(40)
        ]
        answers = Counter(await asyncio.gather(*calls))
        assert set(answers) == {"free", "again", "replayed"}
        assert sum([await rounds(engine, job.id) for job in jobs]) == len(jobs) + answers["again"]
        holds = await engine.row(
            "SELECT count(*) AS holds, count(DISTINCT (job_id, round)) AS rounds FROM ledger_transfers"
            " WHERE kind = 'hold'"
        )
        assert holds["holds"] == holds["rounds"] == len(jobs) + answers["again"]
        await engine.assert_consistent()
        await engine.assert_replayable()
        recorded = await engine.row("SELECT count(*) AS retries FROM actions WHERE action = 'retry'")
        assert recorded["retries"] == answers["again"]
