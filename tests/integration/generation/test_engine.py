"""Holds, concurrency slots, limits and settlements in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pixel_generation.application.ports import Writer
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Failure, Job, Priority, Status
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.work.stage import Stage
from pixel_runtime.ids import new_id

from tests.fakes.generation_outputs import image_of
from tests.integration.generation.real_engine import RealEngine, open_engine
from tests.parts import MakeDatabase

FAILURE = Failure("provider_rejected", "No.", retryable=False)


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[RealEngine]:
    async with open_engine(make_database) as engine:
        yield engine
        await engine.assert_consistent()
        await engine.assert_replayable()


async def fail(engine: RealEngine, job: Job, writer: Writer = Writer.WORKER) -> Job:
    return await engine.write(job, job.failed(FAILURE, at=datetime.now(UTC)), writer)


async def test_a_user_runs_no_more_jobs_than_concurrency_slots(engine: RealEngine) -> None:
    user = await engine.user(max_running=2)
    jobs = await engine.submit(user, 5)
    assert await engine.hold_reasons_of(jobs) == ["open", "open", "capped", "capped", "capped"]
    assert len(await engine.claim(5)) == 2
    assert (await engine.account(user))["slots_taken"] == 2


async def test_the_end_of_a_job_releases_the_next_held_job(engine: RealEngine) -> None:
    user = await engine.user(max_running=1)
    jobs = await engine.submit(user, 3)
    for place in range(3):
        (running,) = await engine.claim(5)
        assert running.id == jobs[place].id
        await engine.complete(running)
    assert await engine.claim() == []
    account = await engine.account(user)
    assert (account["slots_taken"], account["open_jobs"], account["held"]) == (0, 0, 0)


async def test_a_job_waiting_for_its_retry_frees_its_concurrency_slot(engine: RealEngine) -> None:
    user = await engine.user(max_running=1)
    first, second = await engine.submit(user, 2)
    (running,) = await engine.claim(5)
    later = datetime.now(UTC) + timedelta(seconds=60)
    await engine.write(running, running.requeued(scheduled_at=later, counts_as_retry=True))
    assert await engine.hold_reasons_of([first, second]) == ["scheduled", "open"]
    assert [job.id for job in await engine.claim(5)] == [second.id]


async def test_a_scheduled_job_starts_when_it_is_due_and_a_concurrency_slot_is_free(engine: RealEngine) -> None:
    user = await engine.user(max_running=1)
    soon = datetime.now(UTC) + timedelta(hours=1)
    jobs = await engine.submit(user, 2, scheduled_at=soon, deadline_at=soon + timedelta(hours=1))
    assert await engine.hold_reasons_of(jobs) == ["scheduled", "scheduled"]
    assert (await engine.queue_holds.end_due(100), await engine.claim(5)) == (0, [])
    await backdate(engine, jobs)
    assert await engine.queue_holds.end_due(100) == 2
    assert sorted(await engine.hold_reasons_of(jobs)) == ["capped", "open"]
    (running,) = await engine.claim(5)
    await fail(engine, running)
    assert len(await engine.claim(5)) == 1


async def backdate(engine: RealEngine, jobs: list[Job]) -> None:
    """Make scheduled jobs due, in the rows and in the events."""
    ids = [job.id for job in jobs]
    await engine.admin.execute("UPDATE live_jobs SET scheduled_at = created_at WHERE id = ANY (%s)", (ids,))
    await engine.admin.execute(
        """
        UPDATE job_events SET facts = facts || jsonb_build_object('scheduled_at', j.scheduled_at)
        FROM live_jobs AS j WHERE j.id = job_id AND j.id = ANY (%s)
        """,
        (ids,),
    )


async def test_a_raised_limit_releases_held_jobs(engine: RealEngine) -> None:
    user = await engine.user(max_running=1)
    jobs = await engine.submit(user, 4)
    await engine.admin.execute("UPDATE accounts SET max_running = 3 WHERE user_id = %s", (user,))
    opened = 0
    while opened < 2:  # each check starts at a random user
        opened += await engine.queue_holds.end_missed()
    assert sorted(await engine.hold_reasons_of(jobs)) == ["capped", "open", "open", "open"]


async def test_a_paused_queue_starts_nothing_and_a_draining_one_does(engine: RealEngine) -> None:
    await engine.submit(await engine.user())
    await engine.admin.execute("UPDATE queues SET state = 'paused' WHERE queue = 'sketch'")
    assert await engine.claim() == []
    await engine.admin.execute("UPDATE queues SET state = 'draining' WHERE queue = 'sketch'")
    assert len(await engine.claim()) == 1


async def test_a_queue_never_runs_more_than_its_limit_however_many_claim_at_once(engine: RealEngine) -> None:
    await engine.admin.execute("UPDATE queues SET max_running = 5 WHERE queue = 'sketch'")
    for _ in range(4):
        await engine.submit(await engine.user(), 5)
    claims = await asyncio.gather(*(engine.claim(3) for _ in range(10)))
    running = [job for claimed in claims for job in claimed]  # who claims under the limit has it all, whoever that is
    assert len(running) == 5
    await fail(engine, running[0])
    assert len(await engine.claim(3)) == 1


async def test_a_plan_never_runs_more_than_its_limit_in_a_queue(engine: RealEngine) -> None:
    await engine.admin.execute("UPDATE plans SET max_running_in_all = 2 WHERE id = 'free'")
    free, pro = await engine.user(), await engine.user()
    await engine.admin.execute("UPDATE accounts SET plan = 'pro' WHERE user_id = %s", (pro,))
    await engine.submit(free, 5)
    await engine.submit(pro, 3)
    claims = await asyncio.gather(*(engine.claim(4) for _ in range(5)))
    running = [job.plan for claim in claims for job in claim] + [job.plan for job in await engine.claim(9)]
    assert sorted(running) == ["free", "free", "pro", "pro", "pro"]


async def test_a_job_queued_for_two_minutes_gains_a_priority_class(engine: RealEngine) -> None:
    (low,) = await engine.submit(await engine.user(), priority=Priority.LOW)
    await engine.submit(await engine.user(), 2)
    assert await engine.queue_holds.age(100) == 0
    await engine.admin.execute(
        "UPDATE live_jobs SET scheduled_at = now() - interval '121 seconds' WHERE id = %s", (low.id,)
    )
    assert [await engine.queue_holds.age(100) for _ in range(2)] == [1, 0]
    row = await engine.row("SELECT priority, aged FROM live_jobs WHERE id = %s", low.id)
    assert (row["priority"], row["aged"]) == (1, 1)
    found = await engine.jobs.find(low.id)
    assert found is not None
    assert found.priority is Priority.LOW
    await engine.admin.execute("UPDATE live_jobs SET scheduled_at = created_at WHERE id = %s", (low.id,))


async def test_the_end_of_a_job_books_the_provider_cost(engine: RealEngine) -> None:
    await engine.submit(await engine.user())
    (job,) = await engine.claim()
    await engine.complete(job, CallRecord(Outcome.SENT, "req-1", 1_500))
    entries = await (
        await engine.admin.execute(
            """
            SELECT e.account, e.usd_micros FROM ledger_entries AS e JOIN ledger_transfers AS t ON t.id = e.transfer_id
            WHERE t.job_id = %s AND t.kind = 'provider_cost' ORDER BY e.line
            """,
            (job.id,),
        )
    ).fetchall()
    assert [tuple(entry.values()) for entry in entries] == [("provider_cost", 1_500), ("payments", -1_500)]


async def test_a_job_that_times_out_in_the_queue_keeps_the_call_record_of_its_last_run(engine: RealEngine) -> None:
    await engine.submit(await engine.user())
    (job,) = await engine.claim()
    job = await engine.write(job, job.calling())
    call = CallRecord(Outcome.SENT, "req-1", 700, "provider_unavailable")
    back = job.requeued(scheduled_at=datetime.now(UTC), counts_as_retry=True)
    await engine.write(job, back, call=call)
    await fail(engine, back, Writer.TIMEOUT)
    attempt = await engine.row("SELECT * FROM attempts WHERE job_id = %s", job.id)
    told = (attempt["provider_request_id"], attempt["cost_usd_micros"], attempt["failure_code"], attempt["state"])
    assert told == ("req-1", 700, "provider_unavailable", "failed")
    transfer = await engine.row(
        "SELECT count(*) FROM ledger_transfers WHERE job_id = %s AND kind = 'provider_cost'", job.id
    )
    assert transfer["count"] == 1


async def test_ended_jobs_are_counted_by_day(engine: RealEngine) -> None:
    user = await engine.user()
    await engine.submit(user, 3)
    for job in await engine.claim(2):
        await engine.complete(job)
    (job,) = await engine.claim()
    await fail(engine, job)
    stats = await (
        await engine.admin.execute(
            "SELECT status, jobs, outputs AS images, credits FROM job_statistics ORDER BY status"
        )
    ).fetchall()
    assert [tuple(row.values()) for row in stats] == [("completed", 2, 4, 4), ("failed", 1, 0, 0)]


async def budget(engine: RealEngine, user: UUID, unit: str, limit: int) -> UUID:
    budget_id = new_id()
    await engine.admin.execute(
        "INSERT INTO budgets (id, scope, subject, period, unit, limit_amount) VALUES (%s, 'user', %s, 'day', %s, %s)",
        (budget_id, user.hex, unit, limit),
    )
    return budget_id


@pytest.mark.parametrize(("delivered", "used"), [(2, 2), (1, 1), (0, 0)])
async def test_a_budget_of_credits_counts_what_was_captured(engine: RealEngine, delivered: int, used: int) -> None:
    user = await engine.user()
    budget_id = await budget(engine, user, "credits", 10)
    await engine.submit(user)
    (job,) = await engine.claim()
    job = await engine.deliver(job, delivered)
    await (engine.write(job, job.completed(at=datetime.now(UTC))) if delivered else fail(engine, job))
    assert (await engine.row("SELECT used FROM budgets WHERE id = %s", budget_id))["used"] == used
    assert (await engine.row("SELECT amount FROM budget_reservations"))["amount"] == used


@pytest.mark.parametrize(("cost", "used"), [(400, 400), (1_500, 1_500), (None, 1_000)])
async def test_a_budget_of_money_counts_what_the_provider_charged_if_that_is_known(
    engine: RealEngine, cost: int | None, used: int
) -> None:
    user = await engine.user()
    budget_id = await budget(engine, user, "usd_micros", 10_000)
    await engine.submit(user, cost_usd_micros=1_000)
    (job,) = await engine.claim()
    await engine.complete(job, CallRecord(Outcome.SENT, "req", cost))
    assert (await engine.row("SELECT used FROM budgets WHERE id = %s", budget_id))["used"] == used


async def test_a_job_without_a_provider_call_releases_its_whole_reservation(engine: RealEngine) -> None:
    user = await engine.user()
    budget_id = await budget(engine, user, "usd_micros", 10_000)
    (job,) = await engine.submit(user, cost_usd_micros=1_000)
    await engine.write(job, job.cancelled(at=datetime.now(UTC)), Writer.OWNER)
    assert (await engine.row("SELECT used FROM budgets WHERE id = %s", budget_id))["used"] == 0


async def test_a_hold_released_the_next_day_does_not_lower_that_days_spending(engine: RealEngine) -> None:
    user = await engine.user()
    await engine.submit(user, 2)
    assert (await engine.account(user))["spent_today"] == 4
    first, second = await engine.claim(2)
    await fail(engine, first)
    assert (await engine.account(user))["spent_today"] == 2
    await engine.admin.execute("UPDATE accounts SET spent_on = spent_on + 1 WHERE user_id = %s", (user,))
    await fail(engine, second)
    assert (await engine.account(user))["spent_today"] == 2


async def test_a_cancellation_and_its_action_are_written_together(engine: RealEngine) -> None:
    user = await engine.user()
    waiting, _ = await engine.submit(user, 2)
    await engine.write(waiting, waiting.cancelled(at=datetime.now(UTC)), Writer.OWNER)
    (running,) = await engine.claim()
    told = await engine.write(running, running.cancelling(at=datetime.now(UTC)), Writer.OWNER)
    assert await engine.jobs.renew([(running.id, running.attempt)], lease_s=15) == {running.id: Stage.CANCELLING}
    assert not await engine.jobs.write(running, running.calling(), writer=Writer.WORKER)
    await engine.write(told, told.cancelled(at=datetime.now(UTC)))
    actions = await (await engine.admin.execute("SELECT job_id, actor, action FROM actions ORDER BY id")).fetchall()
    actor = f"usr_{user.hex}"
    assert [tuple(row.values()) for row in actions] == [(waiting.id, actor, "cancel"), (running.id, actor, "cancel")]


async def test_a_cancelled_job_with_images_publishes_its_set(engine: RealEngine) -> None:
    await engine.submit(await engine.user())
    (job,) = await engine.claim()
    job = await engine.deliver(job, 1)
    told = await engine.write(job, job.cancelling(at=datetime.now(UTC)), Writer.OWNER)
    ended = await engine.write(told, told.cancelled(at=datetime.now(UTC)))
    topics = await (await engine.admin.execute("SELECT topic FROM outbox ORDER BY id DESC LIMIT 2")).fetchall()
    assert [row["topic"] for row in reversed(topics)] == ["image.generation.complete", "image.generation.status"]
    assert (ended.status, ended.captured_credits) == (Status.CANCELLED, 1)


async def test_a_fallback_moves_the_job_to_the_queue_of_the_next_model(engine: RealEngine) -> None:
    from dataclasses import replace

    await engine.submit(await engine.user())
    (job,) = await engine.claim()
    job = await engine.write(job, job.calling())
    moved = replace(job, queue="openai", work=replace(image_of(job), model="gpt-image-2"), price_id="gpt-image-2/1")
    after = await engine.write(job, job.rerouted(moved, at=datetime.now(UTC)))
    assert after.stage is Stage.ROUTING
    (again,) = await engine.claim(queue="openai")
    assert (again.id, again.attempt, again.work.model) == (job.id, 2, "gpt-image-2")
    assert (await engine.row("SELECT provider FROM attempts WHERE attempt = 2"))["provider"] == "openai"
