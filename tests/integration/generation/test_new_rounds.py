"""A retry by the user is decided like a submission and keeps the job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.application.ports import Decision, Holder, NewGeneration, Verdict
from pixel_generation.domain.budgets import Scope
from pixel_generation.domain.job import Failure, Job, Status
from pixel_runtime.clock import SystemClock

from tests.integration.generation.desk import Desk, open_desk
from tests.parts import MakeDatabase

FAILURE = Failure("provider_unavailable", "The provider is away.", retryable=True)


@pytest.fixture
async def desk(make_database: MakeDatabase) -> AsyncIterator[Desk]:
    async with open_desk(make_database) as opened:
        yield opened


async def failed_job(desk: Desk, user: UUID, *, images: int = 1) -> Job:
    item = desk.new(user, images=images)
    assert (await desk.submit_one(item)).verdict is Verdict.ACCEPTED
    jobs = PostgresJobs(desk.pool, SystemClock())
    queued = await jobs.find(item.job.id)
    assert queued is not None
    failed = queued.failed(FAILURE, at=SystemClock().now())
    assert await jobs.write(queued, failed, holder=Holder.CLOCK)
    stored = await jobs.find(item.job.id)
    assert stored is not None
    return stored


def again(job: Job) -> NewGeneration:
    now = SystemClock().now()
    return NewGeneration(job.retried(at=now, deadline_at=now + timedelta(hours=1)), retried_at=now)


async def test_a_new_round_holds_again_and_goes_on_with_the_sequence(desk: Desk) -> None:
    user = await desk.user(10)
    failed = await failed_job(desk, user, images=3)
    item = again(failed)
    assert (await desk.submit_one(item)).verdict is Verdict.ACCEPTED
    stored = await PostgresJobs(desk.pool, SystemClock()).find(failed.id)
    assert stored is not None
    assert (stored.status, stored.round, stored.sequence) == (Status.QUEUED, 2, failed.sequence + 1)
    assert (stored.failure, stored.captured_credits, stored.ended_at) == (None, None, None)
    assert (stored.set_id, stored.spec, stored.created_at) == (failed.set_id, failed.spec, failed.created_at)
    holds = await desk.rows("SELECT round FROM ledger_transfers WHERE kind = 'hold' ORDER BY round")
    assert [row["round"] for row in holds] == [1, 2]
    assert (await desk.accounts.find(user)).balance.held == 3
    event = await desk.row("SELECT status, facts FROM job_events WHERE sequence = %s", stored.sequence)
    assert (event["status"], event["facts"]["round"], event["facts"]["ended_at"]) == ("queued", 2, None)
    announced = await desk.row("SELECT count(*) AS events FROM outbox WHERE type LIKE '%%Requested%%'")
    assert announced["events"] == 2


async def test_what_is_released_on_the_same_day_may_be_spent_again(desk: Desk) -> None:
    user = await desk.user(10)
    await desk.run("UPDATE credit_accounts SET daily_limit = 3")
    await desk.budget(Scope.USER, user.hex, 3)
    failed = await failed_job(desk, user, images=3)
    assert (await desk.accounts.find(user)).spent_today == 0
    assert (await desk.submit_one(again(failed))).verdict is Verdict.ACCEPTED
    assert (await desk.submit_one(desk.new(user))).verdict is Verdict.DAILY_LIMIT


async def test_a_hundred_retries_at_once_are_one_round(desk: Desk) -> None:
    user = await desk.user(10)
    failed = await failed_job(desk, user)
    decisions = await asyncio.gather(*(desk.submit_one(again(failed)) for _ in range(100)))
    verdicts = sorted(decision.verdict for decision in decisions)
    assert verdicts == [Verdict.ACCEPTED] + [Verdict.MOVED] * 99
    assert (await desk.accounts.find(user)).balance.held == 1


async def test_the_same_job_twice_in_a_batch_is_one_round(desk: Desk) -> None:
    failed = await failed_job(desk, await desk.user(10))
    first, second = await desk.submit(again(failed), again(failed))
    assert (first.verdict, second.verdict) == (Verdict.ACCEPTED, Verdict.AGAIN)


async def test_a_job_that_has_not_ended_or_is_anothers_is_not_taken(desk: Desk) -> None:
    user, other = await desk.user(10), await desk.user(10)
    failed = await failed_job(desk, user)
    stolen = again(failed)
    stolen = replace(stolen, job=replace(stolen.job, user_id=other))
    assert (await desk.submit_one(stolen)).verdict is Verdict.MOVED
    assert (await desk.submit_one(again(failed))).verdict is Verdict.ACCEPTED
    assert (await desk.submit_one(again(failed))).verdict is Verdict.MOVED
    assert (await desk.accounts.find(other)).balance.held == 0


@pytest.mark.parametrize("limit", ["balance", "budget", "depth", "day"])
async def test_a_new_round_is_refused_by_every_limit_of_a_submission(desk: Desk, limit: str) -> None:
    user = await desk.user(3)
    failed = await failed_job(desk, user, images=3)
    match limit:
        case "balance":
            await desk.submit_one(desk.new(user))
        case "budget":
            await desk.budget(Scope.USER, user.hex, 2)
        case "depth":
            await desk.run("UPDATE credit_accounts SET open_jobs = 10000")
        case "day":
            await desk.run("UPDATE credit_accounts SET daily_limit = 2")
    decision: Decision = await desk.submit_one(again(failed))
    expected = {
        "balance": Verdict.INSUFFICIENT,
        "budget": Verdict.BUDGET,
        "depth": Verdict.QUEUE_FULL,
        "day": Verdict.DAILY_LIMIT,
    }
    assert decision.verdict is expected[limit]
    assert await desk.row("SELECT status, round FROM jobs WHERE id = %s", failed.id) == {"status": "failed", "round": 1}
