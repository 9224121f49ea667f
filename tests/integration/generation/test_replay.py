"""N22: replaying the events of jobs of every final state gives their rows, also in an empty database, and receipts."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.housekeeping import PostgresHousekeeping
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.statements import PostgresStatements
from pixel_generation.application.maintenance.ports import AllJobs, History
from pixel_generation.application.maintenance.replay_jobs import replay_jobs
from pixel_generation.application.ports import Writer
from pixel_generation.application.submission.ports import NewGeneration, Verdict
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Failure, Job, Priority, Status
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.jobs.replay import fold
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.domain.work.stage import Stage
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_runtime.clock import SystemClock
from psycopg import sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from tests.fakes.generation_outputs import image_of
from tests.integration.generation.real_engine import RealEngine, open_engine
from tests.parts import MakeDatabase

CONTRACTS = {History: (PostgresJobs,), AllJobs: (PostgresAllJobs,)}

JOBS = 5_000 if os.environ.get("PROFILE") == "full" else 120
SEED = 7
FAILURE = Failure("provider_rejected", "No.", retryable=False)
CALL = CallRecord(Outcome.SENT, "req", 20)
COLUMNS = tuple(field.name for field in fields(Job) if field.name != "hold_reason")
"""Columns of a job's row, without its queue position."""


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[RealEngine]:
    async with open_engine(make_database) as engine:
        yield engine


def now() -> datetime:
    return datetime.now(UTC)


async def wait(engine: RealEngine, user: UUID, life: random.Random) -> Job:
    fields: dict[str, Any] = {
        "priority": life.choice([Priority.NORMAL, Priority.LOW]),
        "end_user": "eu",
        "metadata": {"team": "x"},
    }
    (job,) = await engine.submit(user, **fields)
    return job


async def start(engine: RealEngine, job: Job) -> Job:
    (claimed,) = await engine.claim(queue=job.queue, lease_s=60)
    assert claimed.id == job.id
    return claimed


async def run(engine: RealEngine, job: Job, life: random.Random) -> Job:
    """End a running job in one of its final states."""
    if life.random() < 0.2:
        return await engine.write(job, job.failed(FAILURE, at=now()), Writer.TIMEOUT)
    if life.random() < 0.2:
        told = await engine.write(job, job.cancelling(at=now()), Writer.OWNER)
        return await engine.write(told, told.cancelled(at=now()))
    job = await engine.deliver(job, life.randint(0, 2), CALL)
    ends = [job.failed(FAILURE, at=now()), job.reconciling(), job.cancelling(at=now())]
    if job.outputs:
        ends.append(job.completed(at=now()))
    after = await engine.write(job, life.choice(ends), call=CALL)
    if after.stage is Stage.RECONCILING:
        end = after.completed(at=now()) if after.outputs else after.failed(FAILURE, at=now())
        return await engine.write(after, end, Writer.TIMEOUT)
    if after.stage is Stage.CANCELLING:
        end = after.completed(at=now()) if after.is_delivered else after.cancelled(at=now())
        return await engine.write(after, end)
    return after


async def go_back(engine: RealEngine, job: Job, life: random.Random) -> Job:
    """Requeue a running job, some in another queue."""
    if life.random() < 0.5:
        after = job.requeued(scheduled_at=now(), counts_as_retry=True)
    else:
        moved = replace(job, queue="openai", work=replace(image_of(job), model="gpt-image-2"), price_id="other")
        after = job.rerouted(moved, at=now())
    return await engine.write(job, after, call=CALL)


async def live(engine: RealEngine, user: UUID, life: random.Random) -> str:
    """Run one job from its submission to its last end; return its final state."""
    job = await wait(engine, user, life)
    while True:
        if life.random() < 0.15:
            end = job.failed(FAILURE, at=now()) if life.random() < 0.5 else job.cancelled(at=now())
            writer = Writer.TIMEOUT if end.failure else Writer.OWNER
            if await engine.jobs.write(job, end, writer=writer):
                job = end
        if not job.status.is_final:
            job = await start(engine, job)
            if life.random() < 0.3:
                job = await start(engine, await go_back(engine, job, life))
            job = await run(engine, job, life)
        if not job.can_be_retried or life.random() < 0.6:
            return f"{job.status} {'with' if job.outputs else 'without'} pictures, round {min(job.round, 2)}"
        again = job.retried(at=now(), deadline_at=now() + timedelta(hours=1))
        (decision,) = await engine.submissions.decide([NewGeneration(again, retried_at=now())])
        assert decision.verdict is Verdict.ACCEPTED
        job = again


@pytest.mark.timeout(1_800)
async def test_jobs_of_every_final_state_equal_the_replay_of_their_events(
    engine: RealEngine, make_database: MakeDatabase
) -> None:
    ends: Counter[str] = Counter()
    user = await engine.user(1_000_000)
    for place in range(JOBS):
        ends[await live(engine, user, random.Random(SEED * JOBS + place))] += 1
    assert sum(ends.values()) == JOBS
    assert {name.split(",")[0] for name in ends} == {
        f"{Status.COMPLETED} with pictures",
        f"{Status.FAILED} without pictures",
        f"{Status.CANCELLED} with pictures",
        f"{Status.CANCELLED} without pictures",
    }
    assert await engine.assert_replayable() == JOBS
    await engine.assert_consistent()
    jobs = [fold(await engine.jobs.history(row["id"]), KINDS) for row in await rows(engine, "SELECT id FROM live_jobs")]
    housekeeping = PostgresHousekeeping(engine.pool, SystemClock(), KINDS, MESSAGES)
    assert await housekeeping.archive(before=now(), limit=JOBS // 2) == JOBS // 2
    async with open_engine(make_database) as empty:
        await write_rows(empty, jobs)
        assert await hash_of_jobs(empty) == await hash_of_jobs(engine)
        await empty.admin.execute("UPDATE live_jobs SET retry_count = retry_count + 1 WHERE id = %s", (jobs[-1].id,))
        assert await hash_of_jobs(empty) != await hash_of_jobs(engine)
    replayed = await replay_jobs(JOBS + 1, jobs=PostgresAllJobs(engine.pool, KINDS), history=engine.jobs, kinds=KINDS)
    assert (replayed.jobs, replayed.differing) == (JOBS, {})
    for job in jobs:
        await assert_receipt_follows(engine, job)


async def rows(engine: RealEngine, query: str) -> list[DictRow]:
    return await (await engine.admin.execute(query)).fetchall()


async def write_rows(empty: RealEngine, jobs: list[Job]) -> None:
    """Write the replayed jobs as rows of an empty database."""
    names = [*COLUMNS, "kind", "aged", "units", "virtual_start"]
    values = [[stored(getattr(job, name)) for name in COLUMNS] + [job.kind, 0, job.work.units, 0.0] for job in jobs]
    placed = sql.SQL(", ").join(sql.Placeholder() * len(names))
    named = sql.SQL(", ").join(map(sql.Identifier, names))
    async with empty.admin.cursor() as cursor:
        await cursor.executemany(sql.SQL("INSERT INTO live_jobs ({}) VALUES ({})").format(named, placed), values)


def stored(value: Any) -> Any:
    """Return a field of a job as its column holds it."""
    if isinstance(value, ImageWork):
        return Jsonb(value.as_dict())
    if isinstance(value, tuple):
        return Jsonb([item.as_dict() if isinstance(item, Output) else asdict(item) for item in value])
    if isinstance(value, Failure):
        return Jsonb(asdict(value))
    if isinstance(value, Mapping):
        return Jsonb(dict(value))
    return value.value if isinstance(value, Enum) else value


async def hash_of_jobs(engine: RealEngine) -> str:
    """Hash every job, archived or not, without its queue columns."""
    named = sql.SQL(", ").join(sql.SQL("j.{}").format(sql.Identifier(name)) for name in COLUMNS if name != "priority")
    query = sql.SQL(
        "SELECT md5(string_agg(to_jsonb(r)::text, '' ORDER BY r.id)) AS hash FROM ("
        "SELECT {}, j.priority + j.aged AS priority FROM stored_jobs AS j) AS r"
    )
    row = await (await engine.admin.execute(query.format(named))).fetchone()
    assert row is not None
    return str(row["hash"])


async def assert_receipt_follows(engine: RealEngine, job: Job) -> None:
    """Check that the rounds in a job's events equal those in the ledger."""
    rounds: dict[int, Job] = {}
    history = await engine.jobs.history(job.id)
    for length in range(1, len(history) + 1):
        earlier = fold(history[:length], KINDS)
        rounds[earlier.round] = earlier
    receipt = await PostgresStatements(engine.pool).receipt(job.id, job.user_id)
    assert receipt is not None
    assert [(money.round, money.held, money.captured, money.released) for money in receipt.rounds] == [
        (number, end.cost_credits, end.captured_credits, end.cost_credits - (end.captured_credits or 0))
        for number, end in rounds.items()
    ]
    assert (receipt.status, receipt.delivered_units) == (job.status, len(job.outputs))
    assert [run.attempt for run in receipt.attempts] == list(range(1, job.attempt + 1))


async def test_a_row_changed_without_an_event_is_found(engine: RealEngine) -> None:
    await engine.submit(await engine.user())
    assert await engine.assert_replayable() == 1
    await engine.admin.execute("UPDATE live_jobs SET max_retries = 9")
    with pytest.raises(AssertionError):
        await engine.assert_replayable()
