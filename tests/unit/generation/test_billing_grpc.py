"""Conversion of budgets and accounts to messages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pixel.generation.v1 import billing_service_pb2 as pb
from pixel_errors import PixelError
from pixel_generation.adapters.inbound.grpc.billing.servicer import BillingServicer
from pixel_generation.adapters.output_codec import timestamp
from pixel_generation.application import Application
from pixel_generation.domain.billing.credits import Capture
from pixel_generation.wiring.serve_billing import bind_billing
from pixel_runtime.ids import format_id, new_id

from tests.fakes.billing import FakeAccounts, FakeBudgets, FakeLedger
from tests.fakes.generation import a_user

KEY = format_id("key", new_id())


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
def service(ledger: FakeLedger) -> BillingServicer:
    unused: Any = None
    adapters: Any = SimpleNamespace(
        ledger=ledger,
        promotions=ledger,
        accounts=FakeAccounts(ledger),
        budgets=FakeBudgets(ledger),
        statements=unused,
        clock=unused,
        ledger_rules=unused,
        ledger_metrics=unused,
    )
    return BillingServicer(Application(unused, bind_billing(adapters), unused))


def budget(**changes: Any) -> pb.SetBudgetRequest:
    facts: dict[str, Any] = {
        "scope": "key",
        "subject": KEY,
        "period": "month",
        "unit": "credits",
        "limit_amount": 7,
    } | changes
    return pb.SetBudgetRequest(budget=pb.Budget(**facts), actor="usr_owner")


async def test_a_budget_shows_the_public_id_of_its_subject(service: BillingServicer) -> None:
    made = (await service.SetBudget(budget(), None)).budget
    assert (made.subject, made.period, made.limit_amount, made.used_amount) == (KEY, "month", 7, 0)
    assert made.HasField("period_start_time")
    listed = await service.ListBudgets(pb.ListBudgetsRequest(scope="key", subject=KEY), None)
    assert list(listed.budgets) == [made]
    await service.DeleteBudget(pb.DeleteBudgetRequest(id=made.id, actor="usr_owner"), None)
    assert not (await service.ListBudgets(pb.ListBudgetsRequest(), None)).budgets


async def test_a_budget_without_periods_has_no_start(service: BillingServicer) -> None:
    made = (await service.SetBudget(budget(scope="platform", subject="", period="total"), None)).budget
    assert not made.HasField("period_start_time")


@pytest.mark.parametrize(
    "changes",
    [{"scope": "team"}, {"period": "week"}, {"unit": "usd"}, {"subject": "usr_1"}, {"limit_amount": -1}],
)
async def test_a_budget_with_unknown_scope_or_period_is_refused(
    service: BillingServicer, changes: dict[str, Any]
) -> None:
    with pytest.raises(PixelError) as caught:
        await service.SetBudget(budget(**changes), None)
    assert caught.value.code == "INVALID"


async def test_an_account_without_a_limit_shows_none(service: BillingServicer) -> None:
    user = format_id("usr", a_user())
    before = await service.GetBalance(pb.GetBalanceRequest(user_id=user), None)
    assert (before.available_credits, before.plan, before.HasField("daily_limit_credits")) == (0, "free", False)
    assert before.HasField("reset_time")
    request = pb.UpdateAccountRequest(user_id=user, plan="pro", daily_limit_credits=0, actor="usr_admin")
    account = (await service.UpdateAccount(request, None)).account
    assert (account.plan, account.daily_limit_credits, account.HasField("daily_limit_credits")) == ("pro", 0, True)


async def promote(service: BillingServicer, code: str, **changes: Any) -> pb.Promotion:
    request = pb.CreatePromotionRequest(code=code, credits=5, actor="usr_admin", **changes)
    return (await service.CreatePromotion(request, None)).promotion


async def test_a_promotion_without_limits_shows_none(service: BillingServicer, ledger: FakeLedger) -> None:
    bounded = await promote(service, "BOUNDED", max_uses=2, end_time=timestamp(ledger.now))
    free = await promote(service, "FREE")
    assert (bounded.max_uses, bounded.end_time, bounded.used) == (2, timestamp(ledger.now), 0)
    assert (free.max_uses, free.HasField("end_time"), free.create_time) == (0, False, timestamp(ledger.now))


async def test_promotions_continue_from_the_page_token(service: BillingServicer) -> None:
    made = [await promote(service, code) for code in ("A-1", "B-2", "C-3")]
    first = await service.ListPromotions(pb.ListPromotionsRequest(page_size=2), None)
    rest = await service.ListPromotions(pb.ListPromotionsRequest(page_token=first.next_page_token), None)
    assert (list(first.promotions), list(rest.promotions), rest.next_page_token) == (made[:2], made[2:], "")


@pytest.mark.parametrize(
    "request_", [{"page_token": token} for token in ("AA", "YQ", "é", "A", "ww")] + [{"page_size": 101}]
)
async def test_an_invalid_page_of_promotions_is_refused(service: BillingServicer, request_: dict[str, Any]) -> None:
    with pytest.raises(PixelError) as caught:
        await service.ListPromotions(pb.ListPromotionsRequest(**request_), None)
    assert caught.value.code == "INVALID"


async def test_a_promotion_is_ended_by_its_code_in_any_case(service: BillingServicer, ledger: FakeLedger) -> None:
    made = await promote(service, "LEAKED")
    request = pb.EndPromotionRequest(code="leaked", actor="usr_root")
    ended = (await service.EndPromotion(request, None)).promotion
    made.end_time.CopyFrom(timestamp(ledger.now))
    assert ended == made
    assert ledger.actions[-1] == ("usr_root", "end_promotion")


async def test_a_refund_is_made_once_and_never_above_what_was_captured(
    service: BillingServicer, ledger: FakeLedger
) -> None:
    user, job = a_user(), new_id()
    ledger.captures[job] = Capture(user, 1, 4, 0)

    def request(amount: int) -> pb.RefundGenerationRequest:
        facts: dict[str, Any] = {"reason": "a mistake of ours", "actor": "usr_admin"}
        return pb.RefundGenerationRequest(generation_id=format_id("gen", job), credits=amount, **facts)

    with pytest.raises(PixelError, match="captured 4 credits"):
        await service.RefundGeneration(request(5), None)
    first = await service.RefundGeneration(request(0), None)
    again = await service.RefundGeneration(request(0), None)
    assert (first.refunded_credits, first.refunded) == (4, True)
    assert (again.refunded_credits, again.refunded) == (4, False)
    assert ledger.available[user] == 4


async def test_a_refund_of_an_uncharged_generation_has_its_own_reason(
    service: BillingServicer, ledger: FakeLedger
) -> None:
    job = new_id()
    ledger.captures[job] = Capture(a_user(), 1, 0, 0)
    request = pb.RefundGenerationRequest(generation_id=format_id("gen", job), reason="r", actor="usr_admin")
    with pytest.raises(PixelError) as caught:
        await service.RefundGeneration(request, None)
    assert caught.value.code == "NOTHING_CAPTURED"
