"""A retry by the user is decided like a submission and keeps the job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.application.ports import Writer
from pixel_generation.application.submission.ports import Decision, NewGeneration, Verdict
from pixel_generation.domain.billing.budgets import Scope
from pixel_generation.domain.jobs.job import Failure, Job, Status
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_runtime.clock import SystemClock

from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase

FAILURE = Failure("provider_unavailable", "The provider is away.", retryable=True)


@pytest.fixture
async def submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    async with open_submitter(make_database) as opened:
        yield opened


async def failed_job(submitter: Submitter, user: UUID, *, images: int = 1) -> Job:
    item = submitter.new(user, images=images)
    assert (await submitter.submit_one(item)).verdict is Verdict.ACCEPTED
    jobs = PostgresJobs(submitter.pool, SystemClock(), KINDS, MESSAGES)
    queued = await jobs.find(item.job.id)
    assert queued is not None
    failed = queued.failed(FAILURE, at=SystemClock().now())
    assert await jobs.write(queued, failed, writer=Writer.TIMEOUT)
    stored = await jobs.find(item.job.id)
    assert stored is not None
    return stored


def again(job: Job) -> NewGeneration:
    now = SystemClock().now()
    return NewGeneration(job.retried(at=now, deadline_at=now + timedelta(hours=1)), retried_at=now)


async def test_a_retry_holds_credits_again_and_continues_the_sequence(submitter: Submitter) -> None:
    user = await submitter.user(10)
    failed = await failed_job(submitter, user, images=3)
    item = again(failed)
    assert (await submitter.submit_one(item)).verdict is Verdict.ACCEPTED
    stored = await PostgresJobs(submitter.pool, SystemClock(), KINDS, MESSAGES).find(failed.id)
    assert stored is not None
    assert (stored.status, stored.round, stored.sequence) == (Status.QUEUED, 2, failed.sequence + 1)
    assert (stored.failure, stored.captured_credits, stored.ended_at) == (None, None, None)
    assert (stored.set_id, stored.work, stored.created_at) == (failed.set_id, failed.work, failed.created_at)
    holds = await submitter.rows("SELECT round FROM ledger_transfers WHERE kind = 'hold' ORDER BY round")
    assert [row["round"] for row in holds] == [1, 2]
    assert (await submitter.accounts.find(user)).balance.held == 3
    event = await submitter.row("SELECT status, facts FROM job_events WHERE sequence = %s", stored.sequence)
    assert (event["status"], event["facts"]["round"], event["facts"]["ended_at"]) == ("queued", 2, None)
    announced = await submitter.row("SELECT count(*) AS events FROM outbox WHERE type LIKE '%%Requested%%'")
    assert announced["events"] == 2


async def test_credits_released_on_the_same_day_can_be_spent_again(submitter: Submitter) -> None:
    user = await submitter.user(10)
    await submitter.run("UPDATE accounts SET daily_limit = 3")
    await submitter.budget(Scope.USER, user.hex, 3)
    failed = await failed_job(submitter, user, images=3)
    assert (await submitter.accounts.find(user)).spent_today == 0
    assert (await submitter.submit_one(again(failed))).verdict is Verdict.ACCEPTED
    assert (await submitter.submit_one(submitter.new(user))).verdict is Verdict.DAILY_LIMIT


async def test_a_hundred_concurrent_retries_start_one_round(submitter: Submitter) -> None:
    user = await submitter.user(10)
    failed = await failed_job(submitter, user)
    decisions = await asyncio.gather(*(submitter.submit_one(again(failed)) for _ in range(100)))
    verdicts = sorted(decision.verdict for decision in decisions)
    assert verdicts == [Verdict.ACCEPTED] + [Verdict.MOVED] * 99
    assert (await submitter.accounts.find(user)).balance.held == 1


async def test_the_same_job_twice_in_a_batch_starts_one_round(submitter: Submitter) -> None:
    failed = await failed_job(submitter, await submitter.user(10))
    first, second = await submitter.submit(again(failed), again(failed))
    assert (first.verdict, second.verdict) == (Verdict.ACCEPTED, Verdict.AGAIN)


async def test_a_retry_of_an_open_job_or_of_another_users_is_refused(submitter: Submitter) -> None:
    user, other = await submitter.user(10), await submitter.user(10)
    failed = await failed_job(submitter, user)
    stolen = again(failed)
    stolen = replace(stolen, job=replace(stolen.job, user_id=other))
    assert (await submitter.submit_one(stolen)).verdict is Verdict.MOVED
    assert (await submitter.submit_one(again(failed))).verdict is Verdict.ACCEPTED
    assert (await submitter.submit_one(again(failed))).verdict is Verdict.MOVED
    assert (await submitter.accounts.find(other)).balance.held == 0


@pytest.mark.parametrize("limit", ["balance", "budget", "depth", "day"])
async def test_a_retry_is_refused_by_every_limit_of_a_submission(submitter: Submitter, limit: str) -> None:
    user = await submitter.user(3)
    failed = await failed_job(submitter, user, images=3)
    match limit:
        case "balance":
            await submitter.submit_one(submitter.new(user))
        case "budget":
            await submitter.budget(Scope.USER, user.hex, 2)
        case "depth":
            await submitter.run("UPDATE accounts SET open_jobs = 10000")
        case "day":
            await submitter.run("UPDATE accounts SET daily_limit = 2")
    decision: Decision = await submitter.submit_one(again(failed))
    expected = {
        "balance": Verdict.INSUFFICIENT,
        "budget": Verdict.BUDGET,
        "depth": Verdict.TOO_MANY_OPEN_JOBS,
        "day": Verdict.DAILY_LIMIT,
    }
    assert decision.verdict is expected[limit]
    assert await submitter.row("SELECT status, round FROM live_jobs WHERE id = %s", failed.id) == {
        "status": "failed",
        "round": 1,
    }
