"""The engine's store on PostgreSQL, and reads of its state for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.ledger import PostgresLedger
from pixel_generation.adapters.outbound.postgres.queue_holds import PostgresQueueHolds
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.application.ports import Writer
from pixel_generation.application.submission.ports import NewGeneration, Verdict
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.jobs.replay import fold
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import Pool, open_pool
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id
from psycopg.rows import DictRow, dict_row

from tests.fakes.generation_outputs import image_output
from tests.parts import MakeDatabase


@dataclass
class RealEngine:
    pool: Pool
    submissions: PostgresSubmissions
    jobs: PostgresJobs
    ledger: PostgresLedger
    queue_holds: PostgresQueueHolds
    admin: psycopg.AsyncConnection[DictRow]

    async def user(self, credit_count: int = 1_000, *, max_running: int | None = None) -> UUID:
        user = new_id()
        await self.ledger.grant(user, credit_count, grant_id="signup", reason="")
        await self.admin.execute("UPDATE accounts SET max_running = %s WHERE user_id = %s", (max_running, user))
        return user

    async def submit(self, user: UUID, count: int = 1, *, cost_usd_micros: int | None = 0, **fields: Any) -> list[Job]:
        now = datetime.now(UTC)
        work = ImageWork("a lighthouse", model="studio-sketch", number_of_images=2, size="512x512", seed=7)
        jobs = [
            replace(
                Job(new_id(), user, new_id(), work, "sketch", 2, now, now + timedelta(hours=1), now, price_id="p"),
                **fields,
            )
            for _ in range(count)
        ]
        decisions = await self.submissions.decide([NewGeneration(job, cost_usd_micros=cost_usd_micros) for job in jobs])
        assert {decision.verdict for decision in decisions} == {Verdict.ACCEPTED}
        return jobs

    async def claim(self, limit: int = 1, *, queue: str = "sketch", lease_s: float = 15.0) -> list[Job]:
        deadline = datetime.now(UTC) + timedelta(seconds=300)
        return await self.jobs.claim(queue, limit, worker="w", lease_s=lease_s, deadline_at=deadline)

    async def write(
        self, before: Job, after: Job, writer: Writer = Writer.WORKER, call: CallRecord | None = None
    ) -> Job:
        assert await self.jobs.write(before, after, writer=writer, call=call)
        return after

    async def deliver(self, job: Job, count: int, call: CallRecord | None = None) -> Job:
        job = await self.write(job, job.calling())
        for index in range(count):
            image = image_output(new_id(), index, 512, 512, "image/png", 10, seed=7)
            job = await self.write(job, job.delivered(image), call=call)
        return job

    async def complete(self, job: Job, call: CallRecord | None = None) -> Job:
        job = await self.deliver(job, 2, call)
        return await self.write(job, job.completed(at=datetime.now(UTC)), call=call)

    async def row(self, query: str, *parameters: object) -> DictRow:
        row = await (await self.admin.execute(query, parameters)).fetchone()
        assert row is not None
        return row

    async def account(self, user: UUID) -> DictRow:
        return await self.row("SELECT * FROM accounts WHERE user_id = %s", user)

    async def hold_reasons_of(self, jobs: list[Job]) -> list[str]:
        cursor = await self.admin.execute(
            "SELECT id, hold_reason FROM live_jobs WHERE id = ANY (%s)", ([job.id for job in jobs],)
        )
        queue_holds = {row["id"]: row["hold_reason"] for row in await cursor.fetchall()}
        return [queue_holds[job.id] for job in jobs]

    async def assert_consistent(self) -> None:
        """The counts of every account are those of its jobs, and each round's hold is settled once at its end."""
        wrong = await (
            await self.admin.execute(
                """
                SELECT c.user_id, c.open_jobs, c.slots_taken, c.held, n.open_jobs, n.slots, n.held
                FROM accounts AS c
                CROSS JOIN LATERAL (
                    SELECT
                        count(*) FILTER (WHERE j.status IN ('queued', 'processing')) AS open_jobs,
                        count(*) FILTER (WHERE j.status = 'processing'
                            OR (j.status = 'queued' AND j.hold_reason = 'open')) AS slots,
                        coalesce(sum(j.cost_credits) FILTER (WHERE j.status IN ('queued', 'processing')), 0) AS held
                    FROM live_jobs AS j WHERE j.user_id = c.user_id
                ) AS n
                WHERE (c.open_jobs, c.slots_taken, c.held) IS DISTINCT FROM (n.open_jobs, n.slots, n.held)
                """
            )
        ).fetchall()
        assert wrong == []

    async def assert_replayable(self) -> int:
        """Check that every job equals the replay of its events; return how many were compared."""
        ids = [row["id"] for row in await (await self.admin.execute("SELECT id FROM live_jobs")).fetchall()]
        for job_id in ids:
            row = await self.jobs.find(job_id)
            assert row is not None
            folded = fold(await self.jobs.history(job_id), KINDS)
            assert replace(folded, hold_reason=row.hold_reason) == row
        return len(ids)


@asynccontextmanager
async def open_engine(make_database: MakeDatabase) -> AsyncIterator[RealEngine]:
    database = await make_database("generation")
    async with (
        open_pool(database.url, schema="generation", application="test", max_size=20) as pool,
        await psycopg.AsyncConnection.connect(
            database.admin_url, autocommit=True, options="-c search_path=generation", row_factory=dict_row
        ) as admin,
    ):
        clock = SystemClock()
        yield RealEngine(
            pool,
            PostgresSubmissions(pool, MESSAGES),
            PostgresJobs(pool, clock, KINDS, MESSAGES),
            PostgresLedger(pool),
            PostgresQueueHolds(pool),
            admin,
        )
