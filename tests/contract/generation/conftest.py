"""The store of generation: in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions, DecidesBatches
from pixel_generation.adapters.outbound.caches.queue_capacity import QueueCounts
from pixel_generation.adapters.outbound.caches.queue_snapshots import SnapshotSource
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.due_jobs import PostgresDueJobs
from pixel_generation.adapters.outbound.postgres.housekeeping import PostgresHousekeeping
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.ledger import PostgresLedger
from pixel_generation.adapters.outbound.postgres.queries import PostgresQueries
from pixel_generation.adapters.outbound.postgres.queue_counts import PostgresQueueCounts
from pixel_generation.adapters.outbound.postgres.queue_holds import PostgresQueueHolds
from pixel_generation.adapters.outbound.postgres.queue_snapshots import PostgresQueueSnapshots
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.application.billing.ports import Ledger
from pixel_generation.application.execution.ports import Jobs, Steps
from pixel_generation.application.maintenance.ports import DueJobs, Housekeeping, QueueHolds
from pixel_generation.application.reading.ports import Queries
from pixel_generation.application.submission.ports import (
    Decision,
    DryRuns,
    NewGeneration,
    OwnedJobs,
    Submissions,
)
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import open_pool
from pixel_runtime.clock import Clock, SystemClock
from pixel_runtime.ids import new_id

from tests.fakes.generation import FakeStore, a_user
from tests.fakes.generation_duties import FakeDueJobs
from tests.fakes.generation_eta import FakeQueueCounts, FakeQueueSnapshots
from tests.fakes.generation_jobs import FakeJobs
from tests.fakes.generation_neighbours import FakeQueueHolds
from tests.parts import MakeDatabase


@dataclass
class Store:
    """The ports of one store, and reads of its state for tests."""

    submissions: Submissions
    decisions: DecidesBatches
    jobs: Jobs
    steps: Steps
    ledger: Ledger
    queries: Queries
    housekeeping: Housekeeping
    due: DueJobs
    dry_runs: DryRuns
    owned_jobs: OwnedJobs
    counts: QueueCounts
    snapshots: SnapshotSource
    holds: QueueHolds
    clock: Clock
    end_leases: Callable[[], Awaitable[None]]
    sum_of_entries: Callable[[], Awaitable[int]]
    attempt_of: Callable[[Job], Awaitable[tuple[str, str | None]]]
    let_wait: Callable[[float], Awaitable[None]]
    """Move the queue time of all queued jobs back by this many seconds."""

    async def funded_user(self, credit_count: int = 100) -> UUID:
        user = a_user()
        await self.ledger.grant(user, credit_count, grant_id="signup", reason="")
        return user

    def new(self, user: UUID, *, images: int = 1, key: str = "", fingerprint: bytes = b"f") -> NewGeneration:
        now = self.clock.now()
        work = ImageWork("a lighthouse", model="studio-sketch", number_of_images=images, size="1024x1024", seed=7)
        job = Job(
            id=new_id(),
            user_id=user,
            set_id=new_id(),
            work=work,
            queue="sketch",
            cost_credits=images,
            created_at=now,
            scheduled_at=now,
            deadline_at=now + timedelta(hours=1),
        )
        return NewGeneration(job, key, "POST /api/generations", fingerprint)

    async def submit_one(self, item: NewGeneration) -> Decision:
        return await self.submissions.submit(item)

    async def claim(self, limit: int = 1, lease_s: float = 15.0) -> list[Job]:
        deadline = self.clock.now() + timedelta(seconds=300)
        return await self.jobs.claim("sketch", limit, worker="w1", lease_s=lease_s, deadline_at=deadline)

    async def running(self, user: UUID, *, images: int = 1) -> Job:
        await self.submit_one(self.new(user, images=images))
        return (await self.claim())[0]


def fake_store() -> Store:
    store = FakeStore()

    async def end_leases() -> None:
        store.clock.advance(20)

    async def sum_of_entries() -> int:
        return sum(entry[3] for entry in store.entries)

    async def attempt_of(job: Job) -> tuple[str, str | None]:
        attempt = store.attempts[job.id, job.attempt]
        return attempt.state.value, attempt.outcome and attempt.outcome.value

    async def let_wait(seconds: float) -> None:
        store.clock.advance(seconds)

    return Store(
        store,
        store,
        FakeJobs(store),
        FakeJobs(store),
        store,
        store,
        store,
        FakeDueJobs(store),
        store,
        store,
        FakeQueueCounts(store),
        FakeQueueSnapshots(store),
        FakeQueueHolds(),
        store.clock,
        end_leases,
        sum_of_entries,
        attempt_of,
        let_wait,
    )


@pytest.fixture(params=["fake", "postgres"])
async def store(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncIterator[Store]:
    if request.param == "fake":
        yield fake_store()
        return
    database = await make_database("generation")
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(database.url, schema="generation", application="test"))
        options = "-c search_path=generation"
        admin = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True, options=options)
        )

        async def one(query: str, *parameters: object) -> Any:
            cursor = await admin.execute(query, parameters)
            return await cursor.fetchone()

        async def end_leases() -> None:
            await admin.execute(
                "UPDATE live_jobs SET lease_until = now() - interval '1 second' WHERE status = 'processing'"
            )

        async def sum_of_entries() -> int:
            row = await one("SELECT coalesce(sum(credits), 0)::bigint FROM ledger_entries")
            return int(row[0])

        async def attempt_of(job: Job) -> tuple[str, str | None]:
            return await one(
                "SELECT state, outcome FROM attempts WHERE job_id = %s AND attempt = %s", job.id, job.attempt
            )

        async def let_wait(seconds: float) -> None:
            await admin.execute(
                "UPDATE live_jobs SET scheduled_at = scheduled_at - make_interval(secs => %s) WHERE status = 'queued'",
                (seconds,),
            )

        clock = SystemClock()
        decisions, jobs = PostgresSubmissions(pool, MESSAGES), PostgresJobs(pool, SystemClock(), KINDS, MESSAGES)
        yield Store(
            BatchedSubmissions(decisions),
            decisions,
            jobs,
            jobs,
            PostgresLedger(pool),
            PostgresQueries(pool, KINDS),
            PostgresHousekeeping(pool, clock, KINDS, MESSAGES),
            PostgresDueJobs(pool, KINDS),
            decisions,
            PostgresAllJobs(pool, KINDS),
            PostgresQueueCounts(pool),
            PostgresQueueSnapshots(pool),
            PostgresQueueHolds(pool),
            clock,
            end_leases,
            sum_of_entries,
            attempt_of,
            let_wait,
        )
