"""Contract of billing: corrections, promotions and limits in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pixel_errors import Invalid, PixelError
from pixel_generation.adapters.outbound.postgres.accounts import PostgresAccounts, PostgresBudgets
from pixel_generation.adapters.outbound.postgres.ledger import PostgresLedger, PostgresPromotions
from pixel_generation.application.billing.correct_credits import (
    AdjustCredits,
    RefundGeneration,
    adjust_credits,
    refund_generation,
)
from pixel_generation.application.billing.limit_spending import (
    DeleteBudget,
    SetBudget,
    UpdateAccount,
    delete_budget,
    set_budget,
    update_account,
)
from pixel_generation.application.billing.ports import (
    AccountChange,
    Accounts,
    Budgets,
    Corrections,
    Ledger,
    Promotions,
    Redeemed,
)
from pixel_generation.application.billing.promotion_codes import (
    CreatePromotion,
    EndPromotion,
    RedeemPromotion,
    create_promotion,
    end_promotion,
    redeem_promotion,
)
from pixel_generation.domain.billing.budgets import BudgetLimit, Period, Scope, Unit
from pixel_generation.domain.billing.credits import Capture
from pixel_generation.domain.billing.promotions import Promotion
from pixel_runtime.ids import new_id

from tests.fakes.billing import FakeAccounts, FakeBudgets, FakeLedger
from tests.integration.generation.endings import Endings
from tests.integration.generation.submitter import open_submitter
from tests.parts import MakeDatabase

CONTRACTS = {
    Ledger: (FakeLedger, PostgresLedger),
    Corrections: (FakeLedger, PostgresLedger),
    Promotions: (FakeLedger, PostgresPromotions),
    Accounts: (FakeAccounts, PostgresAccounts),
    Budgets: (FakeBudgets, PostgresBudgets),
}


@dataclass(frozen=True)
class Ports:
    ledger: Ledger
    corrections: Corrections
    promotions: Promotions
    accounts: Accounts
    budgets: Budgets


@dataclass
class Till:
    """The billing ports and the recorded actions."""

    billing: Ports
    actions: Callable[[], Awaitable[list[tuple[str, str]]]]
    captured: Callable[[UUID], Awaitable[UUID]]
    """Complete a generation of the user that captures 2 credits; return its id."""

    async def user(self, credit_count: int = 0) -> UUID:
        user = new_id()
        if credit_count:
            await self.billing.ledger.grant(user, credit_count, grant_id="signup", reason="")
        return user

    async def adjust(self, user: UUID, amount: int, *, name: str = "a", reason: str = "a mistake of ours") -> bool:
        command = AdjustCredits(user, amount, name, reason, "usr_admin")
        return (await adjust_credits(command, corrections=self.billing.corrections)).made

    async def promote(self, code: str = "WELCOME", uses: int = 0, ends_at: datetime | None = None) -> Promotion:
        command = CreatePromotion(code, 25, uses, ends_at, "usr_admin")
        return await create_promotion(command, promotions=self.billing.promotions)

    async def end(self, code: str = "welcome") -> Promotion:
        return await end_promotion(EndPromotion(code, "usr_root"), promotions=self.billing.promotions)

    async def redeem(self, user: UUID, code: str = "welcome") -> Redeemed:
        return await redeem_promotion(RedeemPromotion(user, code), promotions=self.billing.promotions)

    async def available(self, user: UUID) -> int:
        return (await self.billing.accounts.find(user)).balance.available


def fake_till() -> Till:
    ledger = FakeLedger(now=datetime.now(UTC))

    async def actions() -> list[tuple[str, str]]:
        return ledger.actions

    async def captured(user: UUID) -> UUID:
        ledger.available[user] -= 2
        job_id = new_id()
        ledger.captures[job_id] = Capture(user, 1, 2, 0)
        return job_id

    return Till(Ports(ledger, ledger, ledger, FakeAccounts(ledger), FakeBudgets(ledger)), actions, captured)


@pytest.fixture(params=["fake", "postgres"])
async def till(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncIterator[Till]:
    if request.param == "fake":
        yield fake_till()
        return
    async with AsyncExitStack() as stack:
        submitter = await stack.enter_async_context(open_submitter(make_database))

        async def actions() -> list[tuple[str, str]]:
            rows = await submitter.rows("SELECT actor, action FROM actions ORDER BY id")
            return [(row["actor"], row["action"]) for row in rows]

        billing = Ports(submitter.ledger, submitter.ledger, submitter.promotions, submitter.accounts, submitter.budgets)

        async def captured(user: UUID) -> UUID:
            return (await Endings(submitter).completed(user, images=2)).id

        yield Till(billing, actions, captured)


async def reason_of(call: Awaitable[object]) -> str:
    with pytest.raises(PixelError) as caught:
        await call
    return caught.value.code


async def test_an_adjustment_is_made_once_and_names_who_made_it(till: Till) -> None:
    user = await till.user()
    assert [await till.adjust(user, 30), await till.adjust(user, 30), await till.adjust(user, -10, name="b")] == [
        True, False, True,
    ]  # fmt: skip
    assert await till.available(user) == 20
    assert await till.actions() == [("usr_admin", "adjust_credits")] * 2


async def test_an_adjustment_never_takes_more_than_the_balance(till: Till) -> None:
    user = await till.user(20)
    assert await reason_of(till.adjust(user, -21)) == "BALANCE_TOO_LOW"
    assert await reason_of(till.adjust(await till.user(), -1)) == "BALANCE_TOO_LOW"
    assert await till.adjust(user, -20)
    assert not await till.adjust(user, -20)
    assert await till.available(user) == 0


async def test_an_adjustment_id_cannot_be_used_for_another_adjustment(till: Till) -> None:
    user = await till.user(20)
    assert await till.adjust(user, 5)
    assert await reason_of(till.adjust(user, 6)) == "IDEMPOTENCY_KEY_REUSED"
    assert await reason_of(till.adjust(user, -100)) == "IDEMPOTENCY_KEY_REUSED"
    assert await reason_of(till.adjust(user, 5, reason="another")) == "IDEMPOTENCY_KEY_REUSED"
    assert not await till.adjust(user, 5)
    assert await till.available(user) == 25


@pytest.mark.parametrize(
    ("amount", "name", "reason"),
    [(0, "a", "r"), (2 * 10**9, "a", "r"), (1, "", "r"), (1, "a", " "), (1, "a", "r" * 201)],
)
async def test_an_adjustment_without_name_or_reason_is_refused(till: Till, amount: int, name: str, reason: str) -> None:
    with pytest.raises(Invalid):
        await till.adjust(await till.user(10), amount, name=name, reason=reason)


async def test_concurrent_adjustments_with_one_id_are_made_once(till: Till) -> None:
    user = await till.user(10)
    assert sum(await asyncio.gather(*(till.adjust(user, -7) for _ in range(30)))) == 1
    assert await till.available(user) == 3


async def test_concurrent_first_adjustments_of_a_user_are_made_once(till: Till) -> None:
    user = await till.user()
    assert sum(await asyncio.gather(*(till.adjust(user, 7) for _ in range(30)))) == 1
    assert await till.available(user) == 7


async def test_a_user_who_redeems_a_code_a_hundred_times_is_credited_once(till: Till) -> None:
    user = await till.user()
    await till.promote(uses=1)
    outcomes = await asyncio.gather(*(till.redeem(user) for _ in range(100)))
    assert sum(outcome.redeemed for outcome in outcomes) == 1
    assert {outcome.available for outcome in outcomes} == {25}


async def test_a_code_is_redeemed_up_to_its_maximum(till: Till) -> None:
    await till.promote(uses=3)
    users = [await till.user() for _ in range(20)]
    outcomes = await asyncio.gather(*(till.redeem(user) for user in users), return_exceptions=True)
    assert sum(isinstance(outcome, Redeemed) for outcome in outcomes) == 3
    assert {outcome.code for outcome in outcomes if isinstance(outcome, PixelError)} == {"PROMOTION_ENDED"}
    assert sum([await till.available(user) for user in users]) == 75


async def test_expired_unknown_and_used_up_codes_have_different_reasons(till: Till) -> None:
    user = await till.user()
    await till.promote("OLD", ends_at=datetime.now(UTC) - timedelta(seconds=1))
    assert await reason_of(till.redeem(user, "OLD")) == "PROMOTION_ENDED"
    assert await reason_of(till.redeem(user, "NEVER-WAS")) == "PROMOTION_NOT_FOUND"
    assert await reason_of(till.redeem(user, "no code!")) == "PROMOTION_NOT_FOUND"
    assert await reason_of(till.promote("OLD")) == "PROMOTION_EXISTS"
    assert await reason_of(till.promote("no code!")) == "INVALID"


async def test_codes_are_listed_in_their_order_page_by_page_with_their_uses(till: Till) -> None:
    promotions, soon = till.billing.promotions, datetime.now(UTC) + timedelta(days=1)
    made = {code: await till.promote(code, uses, ends_at) for code, uses, ends_at in (
        ("SPRING", 0, None), ("AUTUMN", 3, soon), ("WINTER", 1, None), ("SUMMER", 0, soon),
    )}  # fmt: skip
    assert [(each.used, each.max_uses, each.ends_at) for each in made.values()] == [
        (0, None, None), (0, 3, soon), (0, 1, None), (0, None, soon),
    ]  # fmt: skip
    for user in (first := await till.user(), await till.user(), first):
        await till.redeem(user, "autumn")
    first_page = await promotions.page(after="", limit=2)
    second_page = await promotions.page(after="SPRING", limit=2)
    assert (first_page.items, first_page.next) == ([replace(made["AUTUMN"], used=2), made["SPRING"]], "SPRING")
    assert (second_page.items, second_page.next) == ([made["SUMMER"], made["WINTER"]], None)
    assert (await promotions.page(after="WINTER", limit=2)).items == []


async def test_an_ended_code_cannot_be_redeemed_and_keeps_its_record(till: Till) -> None:
    made, writer = await till.promote(ends_at=datetime.now(UTC) + timedelta(days=1)), await till.user()
    assert (await till.redeem(writer)).redeemed
    ended = await till.end()
    assert made.ends_at is not None
    assert ended == replace(made, used=1, ends_at=ended.ends_at)
    assert ended.ends_at is not None
    assert ended.ends_at < made.ends_at
    assert await reason_of(till.redeem(await till.user())) == "PROMOTION_ENDED"
    assert not (await till.redeem(writer)).redeemed
    assert await till.available(writer) == 25
    assert [await till.end(), await till.end("WELCOME")] == [ended, ended]
    assert (await till.billing.promotions.page(after="", limit=9)).items == [ended]
    assert await till.actions() == [("usr_admin", "create_promotion"), ("usr_root", "end_promotion")]


async def test_ending_a_code_sets_its_end_unless_the_end_has_passed(till: Till) -> None:
    over = await till.promote("OLD", ends_at=datetime.now(UTC) - timedelta(days=1))
    await till.promote("ALWAYS")
    assert await till.end("OLD") == over
    assert (await till.end("ALWAYS")).ends_at is not None
    assert [action for _, action in await till.actions()].count("end_promotion") == 1


async def test_concurrent_ends_of_a_code_set_one_end(till: Till) -> None:
    await till.promote()
    assert len({each.ends_at for each in await asyncio.gather(*(till.end() for _ in range(30)))}) == 1
    assert await till.actions() == [("usr_admin", "create_promotion"), ("usr_root", "end_promotion")]


@pytest.mark.parametrize("code", ["NEVER-WAS", "no code!", "", "A\0B", "straße", "A" * 41])
async def test_ending_an_unknown_or_malformed_code_is_refused(till: Till, code: str) -> None:
    await till.promote("STRASSE")
    assert await reason_of(till.end(code)) == "PROMOTION_NOT_FOUND"
    assert await till.actions() == [("usr_admin", "create_promotion")]


async def test_a_refund_of_an_unknown_generation_is_not_found(till: Till) -> None:
    command = RefundGeneration(new_id(), 0, "a mistake of ours", "usr_admin")
    assert await reason_of(refund_generation(command, corrections=till.billing.corrections)) == "GENERATION_NOT_FOUND"


async def test_captured_credits_are_refunded_once(till: Till) -> None:
    user, corrections = await till.user(10), till.billing.corrections
    command = RefundGeneration(await till.captured(user), 0, "a mistake of ours", "usr_admin")
    assert await till.available(user) == 8
    too_much = replace(command, credits_back=3)
    assert await reason_of(refund_generation(too_much, corrections=corrections)) == "INVALID"
    refunds = [await refund_generation(command, corrections=corrections) for _ in range(2)]
    assert [(refund.credits_back, refund.is_new) for refund in refunds] == [(2, True), (2, False)]
    assert await till.available(user) == 10
    assert [actor for actor, _ in await till.actions()] == ["usr_admin"]


async def test_plan_and_limits_are_changed_independently(till: Till) -> None:
    user, accounts = await till.user(5), till.billing.accounts
    assert (await accounts.find(user)).plan == "free"
    await update_account(UpdateAccount(user, AccountChange("pro", 50, None), "usr_admin"), accounts=accounts)
    account = await update_account(UpdateAccount(user, AccountChange(None, None, 3), "usr_admin"), accounts=accounts)
    assert (account.plan, account.daily_limit, account.max_open_jobs) == ("pro", 50, 20_000)
    account = await update_account(UpdateAccount(user, AccountChange(None, -1, None), "usr_admin"), accounts=accounts)
    assert (account.plan, account.daily_limit, account.balance.available) == ("pro", None, 5)
    assert await till.actions() == [("usr_admin", "update_account")] * 3


async def test_an_unknown_plan_or_invalid_limit_is_refused_and_changes_nothing(till: Till) -> None:
    user, accounts = await till.user(), till.billing.accounts
    for change, reason in (
        (AccountChange("gold", None, None), "PLAN_NOT_FOUND"),
        (AccountChange(None, -2, None), "INVALID"),
        (AccountChange(None, None, 0), "INVALID"),
    ):
        assert await reason_of(update_account(UpdateAccount(user, change, "usr_admin"), accounts=accounts)) == reason
    assert (await accounts.find(user)).plan == "free"


async def test_a_budget_is_set_changed_listed_and_removed(till: Till) -> None:
    budgets, key = till.billing.budgets, new_id().hex
    limit = BudgetLimit(Scope.KEY, key, Period.MONTH, Unit.CREDITS, 100)
    made = await set_budget(SetBudget(limit, "usr_owner"), budgets=budgets)
    assert (made.limit, made.used, made.period_start is not None) == (limit, 0, True)
    changed = await set_budget(
        SetBudget(BudgetLimit(Scope.KEY, key, Period.MONTH, Unit.CREDITS, 7), "usr_owner"), budgets=budgets
    )
    assert (changed.id, changed.limit.limit_amount) == (made.id, 7)
    assert await budgets.find(scope=Scope.KEY, subject=key, limit=10) == [changed]
    assert await budgets.find(scope=Scope.KEY, subject=new_id().hex, limit=10) == []
    await delete_budget(DeleteBudget(made.id, "usr_owner"), budgets=budgets)
    assert await reason_of(delete_budget(DeleteBudget(made.id, "usr_owner"), budgets=budgets)) == "BUDGET_NOT_FOUND"
    assert await till.actions() == [("usr_owner", word) for word in ("set_budget", "set_budget", "delete_budget")]


@pytest.mark.parametrize(
    ("scope", "subject"), [(Scope.KEY, "k"), (Scope.USER, ""), (Scope.PROVIDER, "No Name"), (Scope.PLATFORM, "x")]
)
async def test_a_budget_names_a_subject_of_its_scope(till: Till, scope: Scope, subject: str) -> None:
    limit = BudgetLimit(scope, subject, Period.TOTAL, Unit.CREDITS, 1)
    assert await reason_of(set_budget(SetBudget(limit, "a"), budgets=till.billing.budgets)) == "INVALID"
