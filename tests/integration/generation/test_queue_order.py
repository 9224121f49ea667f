"""Order, fair shares, positions and quotes of the queue compared with its claims, on the engine's SQL."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.caches.queue_snapshots import CachedQueueSnapshots
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.queries import PostgresQueries
from pixel_generation.adapters.outbound.postgres.queue_holds import PostgresQueueHolds
from pixel_generation.adapters.outbound.postgres.queue_snapshots import PostgresQueueSnapshots
from pixel_generation.application.ports import Writer
from pixel_generation.application.reading.read_generations import GenerationView, ReadTools, find_generation
from pixel_generation.application.reading.start_estimates import StartEstimates
from pixel_generation.domain.jobs.job import Failure, HoldReason, Job, Priority
from pixel_generation.domain.queueing.queues import PositionReason
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_runtime.clock import SystemClock

from tests.fakes.generation_catalogue import painting
from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase

FULL = os.environ.get("PROFILE") == "full"
HEAVY = 5_000 if FULL else 300
TENANTS, EACH = 8, 200 if FULL else 40
STEPS = 1_000 if FULL else 120
AT_ONCE = 4


@dataclass
class Queue:
    """A queue controlled by the test."""

    submitter: Submitter
    running: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        self.jobs = PostgresJobs(self.submitter.pool, self.clock, KINDS, MESSAGES)
        self.queue_holds = PostgresQueueHolds(self.submitter.pool)
        source = PostgresCatalogue(self.submitter.pool, default="studio-sketch", providers=painting("sketch"))
        snapshots = CachedQueueSnapshots(PostgresQueueSnapshots(self.submitter.pool), monotonic=lambda: self.now_s)
        self.starts = StartEstimates(snapshots, CachedCatalogue(source), slots=AT_ONCE, queue_slots={})
        self.reading = ReadTools(PostgresQueries(self.submitter.pool, KINDS), self.starts, self.clock)
        self.now_s = 0.0

    async def user(self, max_running: int | None = None) -> UUID:
        user = await self.submitter.user(1_000_000)
        plan = "studio" if max_running is None else "pro"
        await self.submitter.run(
            "UPDATE accounts SET plan = %s, max_running = %s WHERE user_id = %s", plan, max_running, user
        )
        return user

    async def submit(self, user: UUID, jobs: int = 1, **changes: Any) -> list[Job]:
        items = [self.submitter.new(user, **changes) for _ in range(jobs)]
        for first in range(0, jobs, 100):
            decisions = await self.submitter.submit(*items[first : first + 100])
            assert {decision.verdict for decision in decisions} == {"accepted"}
        return [item.job for item in items]

    async def claim(self, limit: int = 1) -> list[Job]:
        deadline = self.clock.now() + timedelta(minutes=5)
        return await self.jobs.claim("sketch", limit, worker="w1", lease_s=600, deadline_at=deadline)

    async def end(self, job: Job) -> None:
        failure = Failure("no_output", "Nothing came.", retryable=True)
        assert await self.jobs.write(job, job.failed(failure, at=self.clock.now()), writer=Writer.WORKER)

    async def give_back(self, job: Job) -> None:
        again = job.requeued(scheduled_at=self.clock.now(), counts_as_retry=False)
        assert await self.jobs.write(job, again, writer=Writer.WORKER)
        await self.queue_holds.end_due(100)

    async def view(self, job: Job) -> GenerationView:
        """Read later, so that the snapshot of the queue is new."""
        self.now_s += 2.0
        return await find_generation(job.id, job.user_id, tools=self.reading)


@pytest.fixture
async def queue(make_database: MakeDatabase) -> AsyncIterator[Queue]:
    async with open_submitter(make_database) as submitter:
        yield Queue(submitter)


async def test_the_last_of_ten_jobs_behind_thousands_of_another_user_starts_within_twice_its_fair_time(
    queue: Queue,
) -> None:
    heavy, light = await queue.user(), await queue.user()
    await queue.submit(heavy, HEAVY)
    await queue.claim(50)
    await queue.submit(light, 10)
    claimed = found = 0
    while found < 10:
        (job,) = await queue.claim()
        claimed += 1
        found += job.user_id == light
    assert claimed <= 2 * (2 * 10)


async def test_eight_equal_tenants_get_equal_shares_whatever_the_order_of_their_bursts(queue: Queue) -> None:
    chance = random.Random(7)
    left = {await queue.user(): EACH for _ in range(TENANTS)}
    while any(left.values()):
        tenant = chance.choice([user for user, jobs in left.items() if jobs])
        burst = min(left[tenant], chance.randint(1, 25))
        await queue.submit(tenant, burst)
        left[tenant] -= burst
    served = Counter(dict.fromkeys(left, 0))
    while served.total() < TENANTS * EACH // 2:
        served.update(job.user_id for job in await queue.claim(10))
    shares = served.values()
    assert sum(shares) ** 2 / (TENANTS * sum(each**2 for each in shares)) >= 0.95


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_position_rises_only_with_a_stated_reason(queue: Queue, seed: int) -> None:
    chance = random.Random(seed)
    users = [await queue.user(max_running=limit) for limit in (None, None, None, 2, 3)]
    watched = (await queue.submit(users[0], 8))[-1]
    told = [await queue.view(watched)]
    for _ in range(STEPS):
        match chance.choice(["submit", "urgent", "claim", "end", "end", "give back"]):
            case "submit":
                await queue.submit(chance.choice(users[1:]), chance.randint(1, 4))
            case "urgent" if chance.random() < 0.3:
                await queue.submit(chance.choice(users), priority=Priority.HIGH)
            case "claim" if len(queue.running) < AT_ONCE:
                queue.running += [job for job in await queue.claim() if job.id != watched.id]
            case "end" if queue.running:
                await queue.end(queue.running.pop(chance.randrange(len(queue.running))))
            case "give back" if queue.running:
                await queue.give_back(queue.running.pop(chance.randrange(len(queue.running))))
        now = await queue.view(watched)
        if not now.queue_position:
            break
        told.append(now)
    rises = [after for before, after in pairwise(told) if after.queue_position > before.queue_position]
    assert rises
    assert all(view.position_reason for view in rises), [(view.queue_position, view.position_reason) for view in told]


async def test_the_position_reason_says_why_other_jobs_came_ahead(queue: Queue) -> None:
    fox, owl = await queue.user(), await queue.user()
    early, *_, watched = await queue.submit(fox, 5)
    assert (await queue.view(watched)).position_reason is None
    (run,) = await queue.claim()
    assert run.id == early.id
    await queue.give_back(run)
    back = await queue.view(watched)
    assert (back.queue_position, back.position_reason) == (5, None)  # it had this position before

    (run,) = await queue.claim()
    await queue.view(watched)
    await queue.give_back(run)
    assert (await queue.view(watched)).position_reason is PositionReason.RETURNED
    await queue.submit(owl)
    assert (await queue.view(watched)).position_reason is PositionReason.FAIR_SHARE
    await queue.submit(owl, priority=Priority.HIGH)
    assert (await queue.view(watched)).position_reason is PositionReason.PRIORITY


async def test_only_a_job_that_is_not_held_has_a_start_estimate(queue: Queue) -> None:
    user = await queue.user(max_running=1)
    open_one, capped = await queue.submit(user, 2, start_after=queue.clock.now(), start_before=queue.clock.now())
    later = queue.clock.now() + timedelta(hours=1)
    (scheduled,) = await queue.submit(user, scheduled_at=later)
    views = {job.id: await queue.view(job) for job in (open_one, capped, scheduled)}
    assert [view.job.hold_reason for view in views.values()] == [
        HoldReason.NONE,
        HoldReason.CAPPED,
        HoldReason.SCHEDULED,
    ]
    assert [view.start_interval_s is None for view in views.values()] == [False, True, True]
    assert [view.remaining_s is None for view in views.values()] == [False, True, True]
    kept = await queue.submitter.rows("SELECT id, hold_reason, start_after FROM live_jobs ORDER BY id")
    assert [row["start_after"] is None for row in kept] == [False, True, True], kept

    await queue.submitter.run("UPDATE live_jobs SET scheduled_at = now() WHERE id = %s", scheduled.id)
    await queue.submitter.run("UPDATE accounts SET max_running = 9")
    assert await queue.queue_holds.end_due(10) == 1
    due = await queue.view(scheduled)
    assert due.job.hold_reason is HoldReason.NONE
    assert due.start_interval_s is not None


async def test_a_run_that_was_repeated_after_a_failure_is_in_the_statistics(queue: Queue) -> None:
    user = await queue.user()
    await queue.submit(user, 2)
    for _ in range(2):
        (run,) = await queue.claim()
        again = run.requeued(scheduled_at=queue.clock.now(), counts_as_retry=True)
        assert await queue.jobs.write(run, again, writer=Writer.WORKER)
        await queue.queue_holds.end_due(100)
    for run in await queue.claim(2):
        await queue.end(run)
    assert await queue.submitter.rows("SELECT status, jobs, retries FROM job_statistics") == [
        {"status": "failed", "jobs": 2, "retries": 2}
    ]
