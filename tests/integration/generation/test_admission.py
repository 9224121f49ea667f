"""Decisions of the submit statement, also under concurrency."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.application.submission.ports import Verdict
from pixel_generation.domain.billing.budgets import Period, Scope, Unit
from pixel_generation.domain.jobs.job import HoldReason, Priority
from pixel_runtime.ids import new_id

from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase


@pytest.fixture
async def submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    async with open_submitter(make_database) as opened:
        yield opened


async def submit_in_parallel(submitter: Submitter, users: list[UUID], **changes: object) -> Counter[Verdict]:
    stores = [BatchedSubmissions(submitter.submissions, most=64) for _ in range(4)]
    items = [submitter.new(user, **changes) for user in users]  # type: ignore[arg-type]
    decisions = await asyncio.gather(*(stores[n % 4].submit(item) for n, item in enumerate(items)))
    return Counter(decision.verdict for decision in decisions)


@pytest.mark.parametrize("scope", list(Scope))
async def test_five_hundred_concurrent_submissions_on_a_budget_of_seven_accept_seven(
    submitter: Submitter, scope: Scope
) -> None:
    key = new_id()
    users = [await submitter.user() for _ in range(1 if scope is Scope.USER else 10)]
    subject = {Scope.KEY: key.hex, Scope.USER: users[0].hex, Scope.PROVIDER: "sketch", Scope.PLATFORM: ""}[scope]
    await submitter.budget(scope, subject, 7)
    asked = [users[n % len(users)] for n in range(500)]
    assert await submit_in_parallel(submitter, asked, api_key_id=key) == {Verdict.ACCEPTED: 7, Verdict.BUDGET: 493}
    assert (
        await submitter.row("SELECT used FROM budgets WHERE scope = %s AND subject = %s", scope.value, subject)
    ) == {"used": 7}
    reserved = await submitter.row("SELECT count(*) AS rows, sum(amount)::bigint AS amount FROM budget_reservations")
    assert reserved == {"rows": 7, "amount": 7}
    held = await submitter.row("SELECT sum(held)::bigint AS held, sum(open_jobs)::bigint AS jobs FROM accounts")
    assert held == {"held": 7, "jobs": 7}


async def test_five_hundred_concurrent_submissions_on_four_budgets_of_seven_accept_seven(submitter: Submitter) -> None:
    user, key = await submitter.user(), new_id()
    subjects = {Scope.KEY: key.hex, Scope.USER: user.hex, Scope.PROVIDER: "sketch", Scope.PLATFORM: ""}
    for scope, subject in subjects.items():
        await submitter.budget(scope, subject, 7)
    asked = await submit_in_parallel(submitter, [user] * 500, api_key_id=key)
    assert asked == {Verdict.ACCEPTED: 7, Verdict.BUDGET: 493}
    used = await submitter.rows("SELECT scope, used FROM budgets WHERE limit_amount = 7")
    assert {row["scope"]: row["used"] for row in used} == dict.fromkeys(subjects, 7)


async def test_five_hundred_concurrent_submissions_of_an_unknown_price_accept_none(submitter: Submitter) -> None:
    user = await submitter.user()
    await submitter.budget(Scope.PLATFORM, "", 1_000_000_000, unit=Unit.USD_MICROS)
    assert await submit_in_parallel(submitter, [user] * 500) == {Verdict.PRICE_UNKNOWN: 500}
    assert await submitter.row("SELECT available, held, open_jobs FROM accounts") == {
        "available": 100, "held": 0, "open_jobs": 0,
    }  # fmt: skip


async def test_two_hundred_concurrent_submissions_with_a_balance_of_ten_accept_ten(submitter: Submitter) -> None:
    user = await submitter.user(10)
    assert await submit_in_parallel(submitter, [user] * 200) == {Verdict.ACCEPTED: 10, Verdict.INSUFFICIENT: 190}
    assert await submitter.row("SELECT available, held, open_jobs, slots_taken FROM accounts") == {
        "available": 0, "held": 10, "open_jobs": 10, "slots_taken": 10,
    }  # fmt: skip


async def test_every_applicable_budget_must_have_enough_left(submitter: Submitter) -> None:
    user, other, key = await submitter.user(), await submitter.user(), new_id()
    await submitter.budget(Scope.PLATFORM, "", 5)
    await submitter.budget(Scope.USER, user.hex, 3)
    await submitter.budget(Scope.KEY, key.hex, 2)
    decisions = await submitter.submit(
        submitter.new(user, images=3, api_key_id=key),
        submitter.new(user, images=2, api_key_id=key),
        submitter.new(other, images=4),
    )
    assert [decision.verdict for decision in decisions] == [Verdict.BUDGET, Verdict.ACCEPTED, Verdict.AGAIN]
    assert (decisions[0].scope, decisions[0].period, decisions[0].limit) == ("key", "total", 2)
    assert (await submitter.submit_one(submitter.new(user, images=2))).scope == "user"
    assert (await submitter.submit_one(submitter.new(other, images=4))).scope == "platform"
    assert (await submitter.submit_one(submitter.new(other, images=3))).verdict is Verdict.ACCEPTED


async def test_an_unknown_provider_cost_never_fits_a_budget(submitter: Submitter) -> None:
    user = await submitter.user()
    await submitter.budget(Scope.PROVIDER, "sketch", 1_000, unit=Unit.USD_MICROS, period=Period.MONTH)
    unknown, dear, fits = (
        submitter.new(user),
        submitter.new(user, cost_usd_micros=1_001),
        submitter.new(user, cost_usd_micros=1_000),
    )
    verdicts = [decision.verdict for decision in await submitter.submit(unknown, dear, fits)]
    assert verdicts == [Verdict.PRICE_UNKNOWN, Verdict.BUDGET, Verdict.ACCEPTED]
    assert (await submitter.submit_one(submitter.new(user, cost_usd_micros=0))).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("period", [Period.DAY, Period.MONTH])
async def test_a_budget_of_a_period_starts_again(submitter: Submitter, period: Period) -> None:
    user = await submitter.user()
    await submitter.budget(Scope.USER, user.hex, 2, period=period)
    assert (await submitter.submit_one(submitter.new(user, images=2))).verdict is Verdict.ACCEPTED
    assert (await submitter.submit_one(submitter.new(user))).verdict is Verdict.BUDGET
    await submitter.run("UPDATE budgets SET period_start = period_start - interval '1 month' WHERE scope = 'user'")
    assert (await submitter.submit_one(submitter.new(user))).verdict is Verdict.ACCEPTED
    today = datetime.now(UTC).date()
    started = today.replace(day=1) if period is Period.MONTH else today
    assert await submitter.row("SELECT used, period_start FROM budgets WHERE scope = 'user'") == {
        "used": 1, "period_start": started,
    }  # fmt: skip


async def test_the_daily_limit_counts_what_is_held_today_and_starts_again_at_midnight(submitter: Submitter) -> None:
    user = await submitter.user()
    await submitter.run("UPDATE accounts SET daily_limit = 5")
    assert (await submitter.submit_one(submitter.new(user, images=4))).verdict is Verdict.ACCEPTED
    refused = await submitter.submit_one(submitter.new(user, images=2))
    assert (refused.verdict, refused.limit) == (Verdict.DAILY_LIMIT, 5)
    await submitter.run("UPDATE accounts SET spent_on = spent_on - 1")
    assert (await submitter.submit_one(submitter.new(user, images=2))).verdict is Verdict.ACCEPTED
    account = await submitter.accounts.find(user)
    assert (account.spent_today, account.daily_limit) == (2, 5)
    assert account.reset_at == datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


async def test_a_statement_from_before_midnight_does_not_reset_the_new_day(submitter: Submitter) -> None:
    user = await submitter.user()
    await submitter.run("UPDATE accounts SET daily_limit = 5, spent_today = 4, spent_on = current_date + 1")
    assert (await submitter.submit_one(submitter.new(user, images=2))).verdict is Verdict.DAILY_LIMIT
    assert (await submitter.submit_one(submitter.new(user))).verdict is Verdict.ACCEPTED
    assert await submitter.row("SELECT spent_today, spent_on - current_date AS ahead FROM accounts") == {
        "spent_today": 5, "ahead": 1,
    }  # fmt: skip


async def test_open_jobs_are_bounded_by_the_plan_at_any_concurrency(submitter: Submitter) -> None:
    user = await submitter.user(1_000)
    await submitter.run("UPDATE plans SET max_open_jobs = 12 WHERE id = 'free'")
    assert await submit_in_parallel(submitter, [user] * 100) == {Verdict.ACCEPTED: 12, Verdict.TOO_MANY_OPEN_JOBS: 88}
    assert (await submitter.submit_one(submitter.new(user))).limit == 12


async def test_jobs_beyond_the_users_concurrency_limit_are_held(submitter: Submitter) -> None:
    user, other = await submitter.user(), await submitter.user()
    await submitter.run("UPDATE accounts SET max_running = 2 WHERE user_id = %s", user)
    later = datetime.now(UTC) + timedelta(hours=2)
    decisions = await submitter.submit(
        submitter.new(user, scheduled_at=later),
        submitter.new(user),
        submitter.new(user),
        submitter.new(user),
        submitter.new(other),
    )
    queue_holds = [HoldReason.SCHEDULED, HoldReason.NONE, HoldReason.NONE, HoldReason.CAPPED, HoldReason.NONE]
    assert [decision.hold_reason for decision in decisions] == queue_holds
    assert (await submitter.submit_one(submitter.new(user))).hold_reason is HoldReason.CAPPED
    stored = await submitter.rows(
        "SELECT hold_reason, scheduled_at > now() AS later FROM live_jobs WHERE user_id = %s ORDER BY 1", user
    )
    assert [row["hold_reason"] for row in stored] == ["capped", "capped", "open", "open", "scheduled"]
    assert [row["later"] for row in stored] == [False, False, False, False, True]
    assert await submitter.row("SELECT open_jobs, slots_taken FROM accounts WHERE user_id = %s", user) == {
        "open_jobs": 5, "slots_taken": 2,
    }  # fmt: skip


async def test_a_draining_queue_refuses_submissions_and_a_paused_one_accepts_them(submitter: Submitter) -> None:
    user = await submitter.user()
    await submitter.run("UPDATE queues SET state = 'draining' WHERE queue = 'sketch'")
    assert (await submitter.submit_one(submitter.new(user))).verdict is Verdict.QUEUE_CLOSED
    await submitter.run("UPDATE queues SET state = 'paused' WHERE queue = 'sketch'")
    assert (await submitter.submit_one(submitter.new(user))).verdict is Verdict.ACCEPTED


async def test_a_priority_above_the_plan_is_refused(submitter: Submitter) -> None:
    user, pro = await submitter.user(), await submitter.user()
    await submitter.run("UPDATE accounts SET plan = 'pro' WHERE user_id = %s", pro)
    decisions = await submitter.submit(*(submitter.new(who, priority=Priority.HIGH) for who in (user, pro)))
    assert [decision.verdict for decision in decisions] == [Verdict.PRIORITY, Verdict.ACCEPTED]
    assert (await submitter.submit_one(submitter.new(user, priority=Priority.LOW))).verdict is Verdict.ACCEPTED
    assert [row["priority"] for row in await submitter.rows("SELECT priority FROM live_jobs ORDER BY id")] == [0, 2]


async def test_a_plan_with_more_weight_gets_an_earlier_virtual_time(submitter: Submitter) -> None:
    free, pro = await submitter.user(), await submitter.user()
    await submitter.run("UPDATE accounts SET plan = 'pro' WHERE user_id = %s", pro)
    await submitter.submit(*(submitter.new(user, images=2) for user in (free, pro) for _ in range(3)))
    starts = await submitter.rows("SELECT user_id, virtual_start, plan FROM live_jobs ORDER BY user_id, virtual_start")
    assert [row["virtual_start"] for row in starts if row["user_id"] == free] == [0, 2, 4]
    assert [row["virtual_start"] for row in starts if row["user_id"] == pro] == [0, 0.5, 1]
    assert {(row["user_id"], row["plan"]) for row in starts} == {(free, "free"), (pro, "pro")}


async def test_a_submission_is_stored_with_all_its_fields(submitter: Submitter) -> None:
    user, key = await submitter.user(), new_id()
    cancel_at = datetime.now(UTC) + timedelta(minutes=5)
    item = submitter.new(
        user,
        api_key_id=key,
        end_user="customer 7",
        metadata={"team": "north"},
        route={"model": "studio-sketch"},
        cancel_at=cancel_at,
    )
    assert (await submitter.submit_one(item)).verdict is Verdict.ACCEPTED
    row = await submitter.row(
        "SELECT kind, api_key_id, end_user, metadata, route, price_id, cancel_at, round, start_after FROM live_jobs"
    )
    assert row == {
        "kind": "image", "api_key_id": key, "end_user": "customer 7", "metadata": {"team": "north"},
        "route": {"model": "studio-sketch"}, "price_id": "studio-sketch/1", "cancel_at": cancel_at, "round": 1,
        "start_after": None,
    }  # fmt: skip
    event = await submitter.row("SELECT user_id, sequence, facts FROM job_events")
    assert (event["user_id"], event["sequence"]) == (user, 1)
    facts = event["facts"]
    assert (facts["kind"], facts["metadata"], facts["api_key_id"]) == ("image", {"team": "north"}, str(key))
    assert facts["work"] == item.job.work.as_dict()


async def test_a_batch_waiting_for_a_budget_never_deadlocks_with_one_waiting_for_an_account(
    submitter: Submitter,
) -> None:
    users = [await submitter.user(1_000) for _ in range(12)]
    await submitter.budget(Scope.PLATFORM, "", 100_000)
    await asyncio.gather(*(submitter.budget(Scope.USER, user.hex, 100_000) for user in users))
    orders = [users, users[::-1], users[6:] + users[:6]]
    batches = [[submitter.new(user) for user in orders[n % 3]] for n in range(30)]
    decided = await asyncio.wait_for(asyncio.gather(*map(submitter.submissions.decide, batches)), 60)
    assert {decision.verdict for batch in decided for decision in batch} == {Verdict.ACCEPTED}
    assert (await submitter.row("SELECT used FROM budgets WHERE scope = 'platform'"))["used"] == 360


async def test_a_submission_waits_for_a_concurrent_change_of_its_budget_and_reads_the_new_use(
    submitter: Submitter,
) -> None:
    user = await submitter.user()
    await submitter.budget(Scope.PLATFORM, "", 7)
    async with submitter.admin.transaction():
        await submitter.run("UPDATE budgets SET used = 7")
        waiting = asyncio.create_task(submitter.submit_one(submitter.new(user)))
        async with asyncio.timeout(20):
            while not await submitter.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    assert (await waiting).verdict is Verdict.BUDGET


async def test_a_submission_waits_for_a_concurrent_change_of_its_account_and_reads_the_new_balance(
    submitter: Submitter,
) -> None:
    user = await submitter.user(1)
    async with submitter.admin.transaction():
        await submitter.run("UPDATE accounts SET available = 0 WHERE user_id = %s", user)
        waiting = asyncio.create_task(submitter.submit_one(submitter.new(user)))
        async with asyncio.timeout(20):
            while not await submitter.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    assert (await waiting).verdict is Verdict.INSUFFICIENT
