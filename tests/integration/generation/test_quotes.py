"""Quotes on PostgreSQL: the statement of a submission, rolled back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from pixel_errors import PixelError
from pixel_generation.adapters.metrics import SubmissionMetrics
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.caches.queue_capacity import CountedQueueCapacity
from pixel_generation.adapters.outbound.caches.queue_snapshots import CachedQueueSnapshots
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.ledger import PostgresLedger
from pixel_generation.adapters.outbound.postgres.provider_health import PostgresProviderHealth
from pixel_generation.adapters.outbound.postgres.queue_counts import PostgresQueueCounts
from pixel_generation.adapters.outbound.postgres.queue_snapshots import PostgresQueueSnapshots
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application.reading.start_estimates import StartEstimates
from pixel_generation.application.submission.new_job import JobLimits, SubmitGeneration
from pixel_generation.application.submission.quote import Quote, quote_generation
from pixel_generation.application.submission.submit import Accepted, submit_generations
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.errors import PriceUnknown
from pixel_generation.domain.jobs.job import Priority
from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import MESSAGES
from pixel_postgres import Pool, open_pool
from pixel_runtime.clock import SystemClock

from tests.fakes.generation import a_user
from tests.fakes.generation_catalogue import painting
from tests.parts import MakeDatabase

FOX = ImageWork("a fox", number_of_images=2)


@dataclass
class Submitter:
    pool: Pool
    admin_url: str
    submissions: BatchedSubmissions

    def __post_init__(self) -> None:
        source = PostgresCatalogue(self.pool, default="studio-sketch", providers=painting("sketch", "openai"))
        self.catalogue = CachedCatalogue(source, max_age_s=0)
        self.capacity = CountedQueueCapacity(PostgresQueueCounts(self.pool))
        self.starts = StartEstimates(
            CachedQueueSnapshots(PostgresQueueSnapshots(self.pool)), self.catalogue, slots=1, queue_slots={}
        )

    async def user(self, credit_count: int = 100) -> UUID:
        user = a_user()
        await PostgresLedger(self.pool).grant(user, credit_count, grant_id="signup", reason="")
        return user

    async def quote(self, command: SubmitGeneration) -> Quote:
        return await quote_generation(
            command,
            dry_runs=PostgresSubmissions(self.pool, MESSAGES),
            catalogue=self.catalogue,
            starts=self.starts,
            capacity=self.capacity,
            clock=SystemClock(),
            randomness=SystemRandomness(),
            limits=JobLimits(timedelta(hours=1), 2),
        )

    async def submit(self, command: SubmitGeneration) -> Accepted | PixelError:
        (outcome,) = await submit_generations(
            [command],
            catalogue=self.catalogue,
            submissions=self.submissions,
            clock=SystemClock(),
            randomness=SystemRandomness(),
            observer=SubmissionMetrics(),
            starts=self.starts,
            capacity=self.capacity,
            max_wait=timedelta(hours=1),
            max_retries=2,
        )
        return outcome

    async def execute(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        async with await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True) as conn:
            await conn.execute("SET search_path = generation")
            cursor = await conn.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []


@asynccontextmanager
async def running(pool: Pool, admin_url: str) -> AsyncIterator[Submitter]:
    submissions = BatchedSubmissions(PostgresSubmissions(pool, MESSAGES))
    yield Submitter(pool, admin_url, submissions)
    await submissions.close()


@pytest.fixture
async def submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    database = await make_database("generation")
    async with (
        open_pool(database.url, schema="generation", application="test") as pool,
        running(pool, database.admin_url) as submitter,
    ):
        yield submitter


async def test_a_quote_writes_nothing(submitter: Submitter) -> None:
    quoted = await submitter.quote(SubmitGeneration(await submitter.user(), FOX))
    assert (quoted.would_be_refused, quoted.job.cost_credits, quoted.available_credits) == ("", 2, 100)
    for table in ("live_jobs", "job_events", "outbox", "queue_shares", "budget_reservations"):
        assert await submitter.execute(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert await submitter.execute("SELECT available, held, open_jobs, slots_taken FROM accounts") == [(100, 0, 0, 0)]


@pytest.mark.parametrize(
    ("preparation", "command", "reason"),
    [
        ("SELECT 1", {"work": replace(FOX, number_of_images=10, model="gpt-image-2")}, "INSUFFICIENT_CREDITS"),
        ("UPDATE plans SET max_open_jobs = 1; UPDATE accounts SET open_jobs = 1", {}, "TOO_MANY_OPEN_JOBS"),
        ("UPDATE accounts SET daily_limit = 1", {}, "DAILY_LIMIT_REACHED"),
        ("UPDATE queues SET state = 'draining'", {}, "QUEUE_CLOSED"),
        ("UPDATE plans SET top_priority = 1", {"priority": Priority.HIGH}, "PRIORITY_NOT_ALLOWED"),
        (
            """INSERT INTO budgets (id, scope, subject, period, unit, limit_amount)
            VALUES (gen_random_uuid(), 'platform', '', 'total', 'credits', 1)""",
            {},
            "BUDGET_EXHAUSTED",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isupper() else "",
)
async def test_a_quote_has_the_same_rejection_reason_as_the_submission(
    submitter: Submitter, preparation: str, command: dict[str, object], reason: str
) -> None:
    user = await submitter.user(50)
    async with await psycopg.AsyncConnection.connect(submitter.admin_url, autocommit=True) as conn:
        await conn.execute("SET search_path = generation")
        await conn.execute(preparation)
    asked = SubmitGeneration(user, **{"work": FOX, **command})  # type: ignore[arg-type]
    quoted, outcome = await submitter.quote(asked), await submitter.submit(asked)
    assert isinstance(outcome, PixelError)
    assert quoted.would_be_refused == outcome.code == reason


async def test_the_quoted_start_is_stored_with_the_job(submitter: Submitter) -> None:
    user = await submitter.user()
    for _ in range(3):
        assert isinstance(await submitter.submit(SubmitGeneration(user, FOX)), Accepted)
    rows = await submitter.execute("SELECT start_before - start_after FROM live_jobs ORDER BY id")
    assert len(rows) == 3
    assert [isinstance(row[0], timedelta) for row in rows] == [True] * 3


async def test_the_queue_snapshot_has_the_queued_jobs_and_the_throughput(submitter: Submitter) -> None:
    users = [await submitter.user() for _ in range(2)]
    for user in (users[0], users[0], users[1]):
        await submitter.submit(SubmitGeneration(user, FOX))
    snapshot = await PostgresQueueSnapshots(submitter.pool).snapshot("sketch", slots=1, typical_s=1.0)
    assert snapshot.waiting == [(1, 0.0), (1, 0.0), (1, 2.0)]
    assert {user: share.virtual_finish for user, share in snapshot.shares.items()} == {users[0]: 4.0, users[1]: 2.0}
    assert (snapshot.running, snapshot.is_cut) == (0, False)
    cut = await PostgresQueueSnapshots(submitter.pool, most_jobs=2).snapshot("sketch", slots=1, typical_s=1.0)
    assert cut.is_cut
    assert cut.start_interval_s(users[0], Priority.LOW) is None
    unknown = await PostgresQueueSnapshots(submitter.pool).snapshot("none", slots=1, typical_s=1.0)
    assert unknown.start_interval_s(users[0], Priority.NORMAL) == (0.0, 1.0)


async def test_the_catalogue_has_prices_queue_states_and_breakers(submitter: Submitter) -> None:
    await submitter.execute(
        "INSERT INTO prices (id, model, quality, credits_per_unit, cost_usd_micros)"
        " VALUES ('flare/low', 'gpt-image-2.5-flare', 'low', 3, 11000)"
    )
    await submitter.execute("DELETE FROM prices WHERE model = 'gpt-image-2'")
    await submitter.execute("UPDATE queues SET state = 'paused' WHERE queue = 'openai'")
    health = PostgresProviderHealth(submitter.pool)
    policy = BreakerPolicy(first_open_s=60)
    await health.failed("openai", policy=policy, draw=1.0, trip=True, is_probe=False)
    catalogue = await submitter.catalogue.current()
    flare = catalogue.find("gpt-image-2.5-flare")
    assert (flare.credits_per_unit, catalogue.price(flare, "low", "1024x1024").cost_usd_micros) == (3, 11_000)
    assert catalogue.price(flare, "high", "1024x1024").credits_per_unit == 4
    assert (catalogue.queue_state(flare), catalogue.health(flare)) == (QueueState.PAUSED, BreakerState.OPEN)
    with pytest.raises(PriceUnknown):
        catalogue.price(catalogue.find("gpt-image-2"), "", "1024x1024")
    await submitter.execute("UPDATE provider_health SET open_until = now()")
    assert (await submitter.catalogue.current()).health(flare) is BreakerState.HALF_OPEN


@pytest.mark.parametrize(
    ("budget", "is_spent"),
    [
        ("('provider', 'openai', 'total', 5, 5, date '1970-01-01')", True),
        ("('provider', 'openai', 'day', 5, 5, (now() AT TIME ZONE 'UTC')::date)", True),
        ("('provider', 'openai', 'day', 5, 5, (now() AT TIME ZONE 'UTC')::date - 1)", False),
        ("('provider', 'openai', 'day', 0, 0, date '1970-01-01')", True),
        ("('provider', 'openai', 'total', 5, 4, date '1970-01-01')", False),
        ("('provider', 'sketch', 'total', 5, 5, date '1970-01-01')", False),
        ("('user', 'openai', 'total', 5, 5, date '1970-01-01')", False),
    ],
)
async def test_the_catalogue_knows_which_budgets_are_spent_in_the_current_period(
    submitter: Submitter, budget: str, is_spent: bool
) -> None:
    await submitter.execute(
        "INSERT INTO budgets (id, scope, subject, period, limit_amount, used, period_start, unit)"
        f" SELECT gen_random_uuid(), b.*, 'credits' FROM (VALUES {budget}) AS b"
    )
    catalogue = await submitter.catalogue.current()
    assert catalogue.is_spent(catalogue.find("gpt-image-2")) is is_spent
