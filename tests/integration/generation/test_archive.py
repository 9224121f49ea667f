"""Ended jobs are archived, and no response changes by it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc.aio
import pytest
from google.protobuf.message import Message
from pixel.generation.v1 import billing_service_pb2 as billing
from pixel.generation.v1 import generation_pb2 as messages
from pixel.generation.v1 import generations_service_pb2 as pb
from pixel.generation.v1 import operations_service_pb2 as operations
from pixel.generation.v1.billing_service_pb2_grpc import BillingServiceStub
from pixel.generation.v1.generations_service_pb2_grpc import GenerationsServiceStub
from pixel.generation.v1.operations_service_pb2_grpc import OperationsServiceStub
from pixel_generation.adapters.metrics import ARCHIVED
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.housekeeping import PostgresHousekeeping
from pixel_generation.adapters.outbound.postgres.ledger_rules import PostgresLedgerRules
from pixel_generation.adapters.outbound.postgres.queries import PostgresQueries
from pixel_generation.application.maintenance.replay_jobs import replay_jobs
from pixel_generation.application.reading.ports import GenerationFilter
from pixel_generation.application.submission.ports import NewGeneration, Verdict
from pixel_generation.domain.billing.budgets import Period, Scope
from pixel_generation.domain.jobs.job import Job
from pixel_generation.main import build
from pixel_generation.settings import Settings
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_rpc import RpcServer, open_channel
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import format_id, new_id

from tests.integration.generation.endings import Endings
from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase

JOBS = 5_000 if os.environ.get("PROFILE") == "full" else 400
"""Jobs that are moved during reads."""
LAST = UUID(int=2**128 - 1)
ROUTE = "POST /api/generations"


@dataclass
class Archive:
    """A serving process, the engine, and the archive duty."""

    submitter: Submitter
    endings: Endings
    housekeeping: PostgresHousekeeping
    channel: grpc.aio.Channel

    def __post_init__(self) -> None:
        self.generations = GenerationsServiceStub(self.channel)
        self.billing = BillingServiceStub(self.channel)
        self.operations = OperationsServiceStub(self.channel)

    async def move(self, limit: int = 10_000) -> int:
        return await self.housekeeping.archive(before=datetime.now(UTC) + timedelta(hours=1), limit=limit)

    async def counts(self) -> tuple[int, int]:
        row = await self.submitter.row(
            "SELECT (SELECT count(*) FROM live_jobs) AS hot, (SELECT count(*) FROM archived_jobs) AS archived"
        )
        return row["hot"], row["archived"]


@pytest.fixture
async def archive(make_database: MakeDatabase) -> AsyncIterator[Archive]:
    async with open_submitter(make_database) as submitter:
        settings = Settings(database_url=submitter.url, grpc_address="127.0.0.1:0")
        async with build(settings, frozenset({"serve"})) as service:
            await service.start()
            address = next(part.address for part in service.parts if isinstance(part, RpcServer))
            async with open_channel(address) as channel:
                housekeeping = PostgresHousekeeping(submitter.pool, SystemClock(), KINDS, MESSAGES)
                yield Archive(submitter, Endings(submitter), housekeeping, channel)
            await service.stop()


async def pages(archive: Archive, name: str, **which: Any) -> list[Message]:
    """Read a list of generations by pages of four."""
    seen: list[Message] = []
    token = ""
    while True:
        request = pb.ListGenerationsRequest(user_id=name, page_size=4, page_token=token, **which)
        answer = await archive.generations.ListGenerations(request)
        seen += answer.generations
        if not (token := answer.next_page_token):
            return seen


async def answers(archive: Archive, user: UUID, jobs: dict[str, Job]) -> dict[str, Any]:
    """Return all responses about these jobs, from every RPC that reads jobs."""
    name, operator = format_id("usr", user), format_id("usr", new_id())
    served, money, queue = archive.generations, archive.billing, archive.operations
    told: dict[str, Any] = {
        "page": await pages(archive, name),
        "failed": await pages(archive, name, status=messages.GENERATION_STATUS_FAILED),
        "by_code": await pages(archive, name, failure_code="provider_rejected"),
        "by_model": await pages(archive, name, model="studio-sketch", kind="image"),
        "by_key": await pages(archive, name, idempotency_key="key-1"),
        "user_events": (
            await served.ListUserEvents(
                pb.ListUserEventsRequest(user_id=name, after_position=f"0.{'0' * 32}.0", page_size=1_000)
            )
        ).events,
        "statement": (
            await money.ListTransactions(billing.ListTransactionsRequest(user_id=name, page_size=1_000))
        ).transactions,
        "usage": (
            await money.GetUsage(billing.GetUsageRequest(user_id=name, group_by=["end_user", "model", "day"]))
        ).rows,
        "statistics": await queue.GetGenerationStats(operations.GetGenerationStatsRequest(user_id=name)),
        "failures": await queue.ListFailures(
            operations.ListFailuresRequest(filter=operations.FailureFilter(model="studio-sketch"))
        ),
        "dry_run": await queue.RedriveFailures(
            operations.RedriveFailuresRequest(
                filter=operations.FailureFilter(model="studio-sketch"), dry_run=True, actor=operator
            )
        ),
    }
    for kind, job in jobs.items():
        own = format_id("gen", job.id)
        told[f"{kind} job"] = (await served.GetGeneration(pb.GetGenerationRequest(id=own, user_id=name))).generation
        told[f"{kind} receipt"] = (await served.GetReceipt(pb.GetReceiptRequest(id=own, user_id=name))).receipt
        told[f"{kind} events"] = (
            await served.ListGenerationEvents(pb.ListGenerationEventsRequest(id=own, user_id=name))
        ).events
        told[f"{kind} failure"] = (
            await queue.ListFailures(operations.ListFailuresRequest(filter=operations.FailureFilter(generation_id=own)))
        ).failures
        told[f"{kind} cancel"] = await served.CancelGenerations(pb.CancelGenerationsRequest(ids=[own], user_id=name))
    return told


async def test_archiving_a_job_changes_no_response_about_it(archive: Archive) -> None:
    user = await archive.submitter.user(100)
    jobs = await archive.endings.of_every_kind(user)
    keyed = archive.submitter.new(user)
    keyed = NewGeneration(keyed.job, "key-1", ROUTE, b"f")
    assert (await archive.submitter.submit_one(keyed)).verdict is Verdict.ACCEPTED
    jobs["keyed"] = await archive.endings.cancel(keyed.job)
    before = await answers(archive, user, jobs)
    assert len(before["by_key"]) == 1
    assert len(before["failures"].failures) == 3
    assert await archive.move() == len(jobs)
    assert await archive.counts() == (0, len(jobs))
    after = await answers(archive, user, jobs)
    assert after == before
    replayed = await archive.submitter.submit_one(NewGeneration(archive.submitter.new(user).job, "key-1", ROUTE, b"f"))
    assert (replayed.verdict, replayed.job_id) == (Verdict.REPLAYED, jobs["keyed"].id)
    results = await PostgresLedgerRules(archive.submitter.pool).check()
    assert {result.name: result.violations for result in results if result.violations} == {}
    told = await replay_jobs(
        100, jobs=PostgresAllJobs(archive.submitter.pool, KINDS), history=archive.endings.jobs, kinds=KINDS
    )
    assert (told.jobs, told.differing) == (len(jobs), {})


async def test_a_retry_of_an_archived_job_is_refused_with_a_reason(archive: Archive) -> None:
    user = await archive.submitter.user(100)
    job = await archive.endings.failed(user)
    await archive.move()
    name, own = format_id("usr", user), format_id("gen", job.id)
    balance = await archive.submitter.row("SELECT available, held FROM accounts WHERE user_id = %s", user)
    (result,) = (
        await archive.generations.RetryGenerations(pb.RetryGenerationsRequest(ids=[own], user_id=name))
    ).results
    assert result.error.reason == "GENERATION_ARCHIVED"
    redriven = await archive.operations.RedriveFailures(
        operations.RedriveFailuresRequest(
            filter=operations.FailureFilter(generation_id=own), actor=format_id("usr", new_id())
        )
    )
    assert dict(redriven.refused) == {own: "GENERATION_ARCHIVED"}
    assert await archive.submitter.row("SELECT available, held FROM accounts WHERE user_id = %s", user) == balance
    assert await archive.counts() == (0, 1)


async def test_jobs_are_archived_oldest_first_up_to_the_limit(archive: Archive) -> None:
    user = await archive.submitter.user(100)
    jobs = [await archive.endings.cancelled_in_queue(user) for _ in range(3)]
    jobs += [await archive.endings.failed(user), await archive.endings.completed(user)]
    running = await archive.endings.claimed(user)
    cutoff = jobs[1].ended_at
    assert cutoff is not None
    assert await archive.housekeeping.archive(before=cutoff, limit=10) == 1
    assert [await archive.move(limit=2) for _ in range(3)] == [2, 2, 0]
    assert await archive.counts() == (1, 5)
    assert (await archive.submitter.row("SELECT id FROM live_jobs"))["id"] == running.id


async def test_a_job_retried_during_the_archive_run_is_not_archived(archive: Archive) -> None:
    user = await archive.submitter.user(100)
    held, free = await archive.endings.failed(user), await archive.endings.failed(user)
    async with archive.submitter.admin.transaction():
        await archive.submitter.run("SELECT 1 FROM live_jobs WHERE id = %s FOR NO KEY UPDATE", held.id)
        assert await archive.move() == 1
    again = await archive.endings.retried(held)
    assert await archive.move() == 0
    assert (await archive.submitter.row("SELECT id, round FROM live_jobs")) == {"id": held.id, "round": 2}
    assert (await archive.submitter.row("SELECT id FROM archived_jobs"))["id"] == free.id
    await archive.endings.cancel(again)


async def test_a_reader_sees_each_job_exactly_once_during_the_archive_run(archive: Archive) -> None:
    user = await archive.submitter.user(JOBS)
    at = datetime.now(UTC)
    items = [archive.submitter.new(user) for _ in range(JOBS)]
    for first in range(0, JOBS, 200):
        await archive.submitter.submit(*items[first : first + 200])
    await archive.submitter.run(
        "UPDATE live_jobs SET status = 'completed', stage = 'done', captured_credits = cost_credits, ended_at = %s", at
    )
    ids = {item.job.id for item in items}
    queries, moving, looks = PostgresQueries(archive.submitter.pool, KINDS), asyncio.Event(), 0

    async def look() -> None:
        nonlocal looks
        while not moving.is_set():
            page = await queries.page(GenerationFilter(user), before=LAST, limit=JOBS)
            assert sorted(standing.job.id for standing in page.items) == sorted(ids)
            assert (await queries.find(list(ids), user)).keys() == ids
            looks += 1

    async def move() -> int:
        moved = 0
        while part := await archive.move(limit=max(JOBS // 100, 1)):
            moved += part
        return moved

    readers = [asyncio.create_task(look()) for _ in range(3)]
    try:
        moved = await asyncio.gather(move(), move())
    finally:
        moving.set()
        await asyncio.gather(*readers)
    assert sum(moved) == JOBS
    assert looks > 3
    assert await archive.counts() == (0, JOBS)


async def test_the_sweep_archives_by_age_and_counts_the_jobs(make_database: MakeDatabase) -> None:
    async with open_submitter(make_database) as submitter:
        endings = Endings(submitter)
        user = await submitter.user(100)
        old, young = await endings.completed(user), await endings.completed(user)
        for job, days in ((old, 31), (young, 29)):
            await submitter.run(
                "UPDATE live_jobs SET ended_at = ended_at - make_interval(days => %s) WHERE id = %s", days, job.id
            )
        settings = Settings(database_url=submitter.url, bus_url="memory://", grpc_address="127.0.0.1:0")
        counted = ARCHIVED._value.get()
        async with build(settings, frozenset({"serve"})) as service:
            await service.start()
            address = next(part.address for part in service.parts if isinstance(part, RpcServer))
            async with open_channel(address) as channel:
                await OperationsServiceStub(channel).ProcessQueue(operations.ProcessQueueRequest())
            await service.stop()
        assert ARCHIVED._value.get() == counted + 1
        assert (await submitter.row("SELECT id FROM archived_jobs"))["id"] == old.id
        assert (await submitter.row("SELECT id FROM live_jobs"))["id"] == young.id


async def test_budget_reservations_of_old_periods_are_deleted(archive: Archive) -> None:
    user = await archive.submitter.user(100)
    await archive.submitter.budget(Scope.USER, user.hex, 50)
    await archive.submitter.budget(Scope.USER, user.hex, 50, period=Period.MONTH)
    await archive.endings.completed(user)
    long_ago, now = date(2020, 1, 1), SystemClock().now()
    await archive.housekeeping.purge(before=now - timedelta(days=3), limit=100)
    assert (await archive.submitter.row("SELECT count(*) FROM budget_reservations"))["count"] == 2
    for table in ("budgets", "budget_reservations"):
        await archive.submitter.run(f"UPDATE {table} SET period_start = %s WHERE period_start > '1970-01-01'", long_ago)
    assert await archive.housekeeping.purge(before=now - timedelta(days=3), limit=100) == 1
    assert [row["period_start"] for row in await archive.submitter.rows("SELECT * FROM budget_reservations")] == [
        date(1970, 1, 1)
    ]
    results = await PostgresLedgerRules(archive.submitter.pool).check()
    assert {result.name: result.violations for result in results if result.violations} == {}


async def test_both_tables_and_the_view_have_the_same_columns(archive: Archive) -> None:
    rows = await archive.submitter.rows(
        """
        SELECT c.table_name, array_agg(c.column_name || ' ' || c.udt_name ORDER BY c.ordinal_position) AS columns
        FROM information_schema.columns AS c
        WHERE c.table_schema = 'generation' AND c.table_name IN ('live_jobs', 'archived_jobs', 'stored_jobs')
        GROUP BY c.table_name
        """
    )
    columns = {row["table_name"]: row["columns"] for row in rows}
    assert columns["live_jobs"] == columns["archived_jobs"] == columns["stored_jobs"]


async def test_tables_have_autovacuum_and_fillfactor_settings_for_their_use(archive: Archive) -> None:
    rows = await archive.submitter.rows(
        """
        SELECT c.relname, c.reloptions
        FROM pg_class AS c
        WHERE c.relnamespace = 'generation'::regnamespace AND c.relkind = 'r' AND c.reloptions IS NOT NULL
        """
    )
    options = {row["relname"]: dict(option.split("=") for option in row["reloptions"]) for row in rows}
    # Updated in place: free space on the page for HOT updates.
    assert {name: options[name]["fillfactor"] for name in ("live_jobs", "attempts", "queue_shares")} == {
        "live_jobs": "70",
        "attempts": "80",
        "queue_shares": "70",
    }
    for name in ("accounts", "queues", "budgets", "job_statistics"):
        assert options[name]["fillfactor"] == "50", name
    # Vacuumed by count of dead rows, long before a fifth of the table is dead.
    for name in ("live_jobs", "outbox", "submissions"):
        assert float(options[name]["autovacuum_vacuum_scale_factor"]) <= 0.02, name
        assert int(options[name]["autovacuum_vacuum_threshold"]) <= 5_000, name
    # Append-only: vacuumed by count of new rows, so that they are frozen while they are in memory.
    for name in ("archived_jobs", "job_events", "ledger_transfers", "ledger_entries"):
        assert float(options[name]["autovacuum_vacuum_insert_scale_factor"]) <= 0.02, name
