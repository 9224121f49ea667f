"""Changes in one statement have the same effect as one by one, and a failing one does not affect the others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pixel.generation.v1 import events_pb2
from pixel_errors import FailedPrecondition, Unavailable
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.application.ports import Writer
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Failure, Job, Status
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.work.stage import Stage
from pixel_generation.settings import Settings
from pixel_generation.wiring.adapters import open_adapters
from pixel_generation.wiring.duties import change_tools
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_generation.wiring.serve import bind_application
from pixel_generation.wiring.work import run_tools
from pixel_postgres import open_pool
from pixel_rpc import open_channel
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id
from prometheus_client import REGISTRY

from tests.fakes.generation_outputs import image_output
from tests.integration.generation.real_engine import RealEngine, open_engine
from tests.parts import Database, MakeDatabase

USERS, JOBS, PLACES = 4, 9, 3
FAILURE = Failure("provider_rejected", "No.", retryable=False)
CALL = CallRecord(Outcome.SENT, "req", 20)
UNPRICED = CallRecord(Outcome.SENT, "req", None)
Change = tuple[Job, Job, Writer, CallRecord | None]


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[RealEngine]:
    async with open_engine(make_database) as engine:
        yield engine


def now() -> datetime:
    return datetime.now(UTC)


def picture(index: int) -> Output:
    return image_output(new_id(), index, 512, 512, "image/png", 10, seed=7)


def next_change(job: Job, life: random.Random) -> Change:
    """Return a random change of a running job."""
    call = life.choice([CALL, UNPRICED])
    ways: list[Callable[[], Change]] = [
        lambda: (job, job.failed(FAILURE, at=now()), Writer.WORKER, call),
        lambda: (job, job.cancelling(at=now()), Writer.OWNER, None),
        lambda: (job, job.requeued(scheduled_at=now(), counts_as_retry=True), Writer.WORKER, call),
        lambda: (
            job,
            job.requeued(scheduled_at=now() + timedelta(hours=1), counts_as_retry=True),
            Writer.WORKER,
            replace(call, failure_code="x"),
        ),
    ]
    match job.stage:
        case Stage.STARTING:
            ways += [lambda: (job, job.calling(), Writer.WORKER, None)] * 6
        case Stage.GENERATING:
            ways += [lambda: (job, job.delivered(picture(0)), Writer.WORKER, call)] * 6
            ways.append(lambda: (job, job.reconciling(), Writer.WORKER, call))
        case Stage.UPLOADING:
            ways += [lambda: (job, job.completed(at=now()), Writer.WORKER, call)] * 6
        case Stage.RECONCILING:
            ways = [lambda: (job, job.failed(FAILURE, at=now()), Writer.TIMEOUT, None)]
        case Stage.CANCELLING:
            ways = [lambda: (job, job.cancelled(at=now()), Writer.WORKER, call)]
    return life.choice(ways)()


async def write(engine: RealEngine, changes: list[Change], *, together: bool) -> list[Job]:
    writes = [engine.jobs.write(before, after, writer=writer, call=call) for before, after, writer, call in changes]
    written = await asyncio.gather(*writes) if together else [await each for each in writes]
    assert all(written)
    return [after for _, after, _, _ in changes]


async def play(engine: RealEngine, seed: int, *, together: bool) -> dict[str, Any]:
    """Apply random changes to jobs of capped users; return the resulting rows."""
    users = sorted([await engine.user(10_000, max_running=PLACES) for _ in range(USERS)])
    jobs = [job for user in users for job in await engine.submit(user, JOBS)]
    place = {job.id: number for number, job in enumerate(jobs)}
    await engine.admin.execute(
        "INSERT INTO budgets (id, scope, subject, period, unit, limit_amount)"
        " VALUES (gen_random_uuid(), 'platform', '', 'total', 'credits', 1000000)"
    )
    running: list[Job] = []
    for step in range(40):
        running += await engine.claim(20, lease_s=600)
        running.sort(key=lambda job: place[job.id])
        changes = [next_change(job, random.Random(f"{seed} {step} {place[job.id]}")) for job in running]
        after = await write(engine, changes, together=together)
        running = [job for job in after if job.status is Status.PROCESSING]
    await engine.assert_consistent()
    assert await engine.assert_replayable() == len(jobs)
    return await traces(engine, users, [job.id for job in jobs])


async def traces(engine: RealEngine, users: list[UUID], jobs: list[UUID]) -> dict[str, Any]:
    """Return every row that a change writes, without what differs between two runs: ids and times."""

    async def each(query: str, ids: list[UUID]) -> list[Any]:
        return [
            [tuple(row.values()) for row in await (await engine.admin.execute(query, (one,))).fetchall()] for one in ids
        ]

    return {
        "accounts": await each(
            "SELECT available, held, open_jobs, slots_taken, spent_today FROM accounts WHERE user_id = %s",
            users,
        ),
        "stats": await each(
            "SELECT status, jobs, outputs, credits FROM job_statistics WHERE user_id = %s ORDER BY 1", users
        ),
        "jobs": await each(
            "SELECT status, stage, hold_reason, progress, sequence, attempt, retry_count, captured_credits"
            " FROM live_jobs WHERE id = %s",
            jobs,
        ),
        "attempts": await each(
            "SELECT attempt, state, outcome, cost_usd_micros, failure_code, submitted_at IS NULL, ended_at IS NULL"
            " FROM attempts WHERE job_id = %s ORDER BY attempt",
            jobs,
        ),
        "money": await each(
            "SELECT t.kind, e.account, e.credits, e.usd_micros FROM ledger_transfers AS t"
            " JOIN ledger_entries AS e ON e.transfer_id = t.id WHERE t.job_id = %s ORDER BY 1, 2",
            jobs,
        ),
        "events": await each(
            "SELECT sequence, status, stage, message FROM job_events WHERE job_id = %s ORDER BY sequence", jobs
        ),
        "reserved": await each("SELECT amount FROM budget_reservations WHERE job_id = %s", jobs),
        "budgets": [
            row["used"]
            for row in await (await engine.admin.execute("SELECT used FROM budgets ORDER BY used")).fetchall()
        ],
        "actions": await each("SELECT action FROM actions WHERE job_id = %s", jobs),
        "outbox": await engine.row(
            "SELECT json_object_agg(o.type, o.events) AS events"
            " FROM (SELECT type, count(*) AS events FROM outbox GROUP BY type ORDER BY type) AS o"
        ),
    }


def statements(name: str) -> tuple[float, float]:
    """Return how many statements wrote changes so far, and how many changes."""
    found = [
        REGISTRY.get_sample_value(f"pixel_job_changes_in_statement_{part}", {"statement": name})
        for part in ("count", "sum")
    ]
    return found[0] or 0, found[1] or 0


@pytest.mark.parametrize("seed", range(3))
async def test_changes_in_one_statement_have_the_same_effect_as_one_by_one(
    make_database: MakeDatabase, seed: int
) -> None:
    async with open_engine(make_database) as one_by_one:
        expected = await play(one_by_one, seed, together=False)
    count, total = statements("end_jobs")
    async with open_engine(make_database) as engine:
        assert await play(engine, seed, together=True) == expected
    count_now, total_now = statements("end_jobs")
    assert 0 < count_now - count < total_now - total


async def test_changes_of_all_roles_of_a_process_share_a_statement(make_database: MakeDatabase) -> None:
    """A cancellation (serve), a run (work) and the sweep (relay) end jobs at the same time."""
    database = await make_database("generation")
    settings = Settings(database_url=database.url)

    async def the_same(_: str) -> Database:
        return database

    async with (
        open_engine(the_same) as engine,
        open_adapters(settings) as adapters,
        open_channel("127.0.0.1:9") as media,
    ):
        cancel: Any = bind_application(settings, adapters).generations.cancel
        stores = [
            cancel.keywords["tools"].jobs,
            run_tools(settings, adapters, media).jobs,
            change_tools(settings, adapters).jobs,
        ]
        jobs = await claimed(engine, 9)
        count, total = statements("end_jobs")
        ends = [
            stores[number % 3].write(job, job.failed(FAILURE, at=now()), writer=Writer.WORKER)
            for number, job in enumerate(jobs)
        ]
        assert all(await asyncio.gather(*ends))
    count_now, total_now = statements("end_jobs")
    assert (count_now - count, total_now - total) == (1, 9)


async def test_concurrent_statements_over_the_same_users_never_deadlock(engine: RealEngine) -> None:
    users = [await engine.user(10_000, max_running=20) for _ in range(6)]
    await asyncio.gather(*(engine.submit(user, 20) for user in users))
    running = await engine.claim(100, lease_s=600)
    stores = [PostgresJobs(engine.pool, SystemClock(), KINDS, MESSAGES) for _ in range(4)]
    order = random.Random(5)
    order.shuffle(running)

    async def end(number: int, job: Job) -> bool:
        store = stores[number % len(stores)]
        if number % 3 == 0:
            later = job.requeued(scheduled_at=now() + timedelta(hours=1), counts_as_retry=True)
            return await store.write(job, later, writer=Writer.WORKER)
        return await store.write(job, job.failed(FAILURE, at=now()), writer=Writer.WORKER)

    ends = [end(number, job) for number, job in enumerate(running)]
    submits = [engine.submit(user) for user in users * 3]
    written = await asyncio.gather(*ends, *submits)
    assert all(written)
    await engine.assert_consistent()
    found = await engine.row("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert found["deadlocks"] == 0


async def test_a_change_that_breaks_a_rule_fails_alone(engine: RealEngine) -> None:
    jobs = [await engine.deliver(job, 2) for job in await claimed(engine, 3)]
    ends = [job.completed(at=now()) for job in jobs]
    ends[1] = replace(ends[1], captured_credits=99)
    results = await asyncio.gather(
        *(engine.jobs.write(job, end, writer=Writer.WORKER) for job, end in zip(jobs, ends, strict=True)),
        return_exceptions=True,
    )
    assert (results[0], results[2]) == (True, True)
    assert isinstance(results[1], FailedPrecondition)


async def test_a_locked_row_fails_only_its_own_change(make_database: MakeDatabase) -> None:
    database = await make_database("generation")

    async def the_same(_: str) -> Database:
        return database

    url = f"{database.url}?options=-c%20lock_timeout%3D300ms"
    async with (
        open_engine(the_same) as engine,
        open_pool(url, schema="generation", application="test", max_size=4) as pool,
    ):
        jobs = PostgresJobs(pool, SystemClock(), KINDS, MESSAGES)
        held, free = await claimed(engine, 2)
        async with engine.admin.transaction():
            await engine.admin.execute("SELECT 1 FROM live_jobs WHERE id = %s FOR UPDATE", (held.id,))
            results = await asyncio.gather(
                *(jobs.write(job, job.calling(), writer=Writer.WORKER) for job in (held, free)), return_exceptions=True
            )
    assert isinstance(results[0], Unavailable)
    assert results[1] is True


async def test_a_cancelled_caller_waits_for_a_change_being_written_and_withdraws_a_queued_one(
    engine: RealEngine,
) -> None:
    (job,) = await claimed(engine, 1)
    async with engine.admin.transaction():
        await engine.admin.execute("SELECT 1 FROM live_jobs WHERE id = %s FOR UPDATE", (job.id,))
        taken = asyncio.create_task(engine.jobs.write(job, job.calling(), writer=Writer.WORKER))
        await until_somebody_waits_for_a_lock(engine)
        waiting = asyncio.create_task(
            engine.jobs.write(job.calling(), job.calling().delivered(picture(0)), writer=Writer.WORKER)
        )
        await asyncio.sleep(0)
        taken.cancel()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not taken.done()
    await asyncio.wait([taken])
    assert taken.cancelled()
    assert waiting.cancelled()
    stored = await engine.jobs.find(job.id)
    assert stored is not None
    assert (stored.stage, stored.sequence) == (Stage.GENERATING, 3)


async def until_somebody_waits_for_a_lock(engine: RealEngine) -> None:
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while (await engine.row(query))["n"] == 0:
            await asyncio.sleep(0.02)


async def claimed(engine: RealEngine, count: int) -> list[Job]:
    await engine.submit(await engine.user(), count)
    return await engine.claim(count, lease_s=600)


async def test_the_event_of_a_claim_is_written_with_the_next_change_and_before_its_event(engine: RealEngine) -> None:
    """For every next change: the run continues, is requeued by a reclaimer, or ends."""
    first, second, third = await claimed(engine, 3)
    await engine.admin.execute("DELETE FROM outbox")
    await engine.write(first, first.calling())
    await engine.write(second, second.requeued(scheduled_at=now(), counts_as_retry=False))
    await engine.write(third, third.cancelling(at=now()), Writer.OWNER)
    rows = await (await engine.admin.execute("SELECT key, type, value FROM outbox ORDER BY id")).fetchall()
    told = [
        (message.event.generation_id, message.event.sequence)
        for row in rows
        if row["type"].endswith("GenerationStatusChanged")
        for message in [events_pb2.GenerationStatusChanged.FromString(row["value"])]
    ]
    assert told == [(f"gen_{job.id.hex}", sequence) for job in (first, second, third) for sequence in (2, 3)]


async def test_a_claim_skips_locked_jobs(engine: RealEngine) -> None:
    held, *free = await engine.submit(await engine.user(), 4)
    async with engine.admin.transaction():
        await engine.admin.execute("SELECT 1 FROM live_jobs WHERE id = %s FOR UPDATE", (held.id,))
        assert {job.id for job in await engine.claim(4)} == {job.id for job in free}
    assert [job.id for job in await engine.claim(4)] == [held.id]
