"""Contract of the gateway's engine: in memory, and the generation service over gRPC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pixel_errors import Conflict, NotFound, PixelError
from pixel_gateway.adapters.outbound.generation.billing_rpc import (
    GrpcAdjustments,
    GrpcBilling,
    GrpcBudgets,
    GrpcLedgerReads,
    GrpcPromotionCodes,
)
from pixel_gateway.adapters.outbound.generation.generations_rpc import GrpcGenerations
from pixel_gateway.adapters.outbound.generation.job_commands_rpc import GrpcJobCommands
from pixel_gateway.adapters.outbound.generation.operations_rpc import (
    GrpcFailedGenerations,
    GrpcQueueOperations,
    GrpcRecords,
)
from pixel_gateway.adapters.outbound.generation.user_events_rpc import GrpcUserEvents
from pixel_gateway.application.billing.ports import Adjustments, Billing, Budgets, LedgerReads, PromotionCodes
from pixel_gateway.application.generations.ports import (
    Accepted,
    Cancelled,
    CancelOutcome,
    Generations,
    HistoryQuery,
    JobCommands,
)
from pixel_gateway.application.live.ports import UserEvents
from pixel_gateway.application.operations.ports import FailedGenerations, QueueOperations, Records
from pixel_gateway.domain.account import AccountChange
from pixel_gateway.domain.billing import Budget, Promotion, TransactionQuery, UsageQuery
from pixel_gateway.domain.generation import Status
from pixel_gateway.domain.operations import FailureFilter, QueueChange, Redrive
from pixel_runtime.ids import format_id, new_id

from tests.contract.gateway.conftest import ADMIN, Engine, submission
from tests.fakes.gateway_engine import (
    FakeAdjustments,
    FakeBudgets,
    FakeFailedGenerations,
    FakeJobCommands,
    FakeLedgerReads,
    FakePromotionCodes,
    FakeQueueOperations,
    FakeRecords,
)
from tests.fakes.gateway_generations import FakeBilling, FakeGenerations
from tests.fakes.gateway_live import FakeUserEvents

CONTRACTS = {
    Generations: (FakeGenerations, GrpcGenerations),
    Billing: (FakeBilling, GrpcBilling),
    UserEvents: (FakeUserEvents, GrpcUserEvents),
    JobCommands: (FakeJobCommands, GrpcJobCommands),
    LedgerReads: (FakeLedgerReads, GrpcLedgerReads),
    Budgets: (FakeBudgets, GrpcBudgets),
    Adjustments: (FakeAdjustments, GrpcAdjustments),
    PromotionCodes: (FakePromotionCodes, GrpcPromotionCodes),
    QueueOperations: (FakeQueueOperations, GrpcQueueOperations),
    FailedGenerations: (FakeFailedGenerations, GrpcFailedGenerations),
    Records: (FakeRecords, GrpcRecords),
}
UNKNOWN = format_id("gen", new_id())


async def test_a_submission_is_accepted_once_per_key(engine: Engine) -> None:
    user = await engine.user()
    first = await engine.generations.submit(submission(user, key="k", images=2))
    again = await engine.generations.submit(submission(user, key="k", images=2))
    assert (first.replayed, again.replayed, again.generation.id) == (False, True, first.generation.id)
    accepted = first.generation
    assert (accepted.status, accepted.user_id, accepted.spec.model) == (Status.QUEUED, user, "studio-sketch")
    assert (accepted.spec.number_of_images, accepted.sequence, accepted.queue_position >= 1) == (2, 1, True)
    assert (await engine.generations.get(user, accepted.id)).id == accepted.id


async def test_a_generation_is_visible_to_its_user_only(engine: Engine) -> None:
    mine = await engine.submit(await engine.user())
    other = await engine.user()
    for call in (
        engine.generations.get(other, mine.id),
        engine.generations.events(other, mine.id, 0),
        engine.job_commands.receipt(other, mine.id),
    ):
        with pytest.raises(NotFound) as refused:
            await call
        assert refused.value.code == "GENERATION_NOT_FOUND"


async def test_generations_are_listed_newest_first_and_their_events_oldest_first(engine: Engine) -> None:
    user = await engine.user()
    made = [(await engine.submit(user)).id for _ in range(3)]
    first, cursor = await engine.generations.page(HistoryQuery(user, 2))
    rest, end = await engine.generations.page(HistoryQuery(user, 2, cursor))
    assert [row.id for row in (*first, *rest)] == made[::-1]
    assert (bool(cursor), end) == (True, "")
    assert (await engine.generations.page(HistoryQuery(user, 2, status=Status.FAILED)))[0] == []
    events = await engine.generations.events(user, made[0], 0)
    assert [(event.sequence, event.status, event.generation_id) for event in events] == [(1, Status.QUEUED, made[0])]
    assert await engine.generations.events(user, made[0], 1) == []


async def test_the_catalogue_lists_available_models(engine: Engine) -> None:
    sketch = next(model for model in await engine.generations.models() if model.id == "studio-sketch")
    assert (sketch.available, sketch.max_images) == (True, 10)
    assert ("1:1", 1024, 1024) in sketch.aspect_ratios


async def test_credits_are_granted_once_per_grant_id_and_spent_by_deliveries(engine: Engine) -> None:
    user = await engine.user(100)
    await engine.billing.grant(user, 100, grant_id="signup", reason="First credits")
    assert (await engine.billing.balance(user)).available_credits == 100
    generation = await engine.submit(user, images=2)
    await engine.complete(generation)
    balance = await engine.billing.balance(user)
    assert (balance.available_credits, balance.held_credits) == (100 - generation.cost_credits, 0)


async def test_events_of_a_user_continue_from_a_position(engine: Engine) -> None:
    user, other = await engine.user(), await engine.user()
    start = await engine.user_events.after(user, "")
    assert (start.events, start.is_resync) == ((), False)
    mine = await engine.submit(user)
    await engine.submit(other)
    page = await engine.user_events.after(user, start.position)
    assert [(each.event.generation_id, each.event.sequence) for each in page.events] == [(mine.id, 1)]
    rest = await engine.user_events.after(user, page.events[-1].position)
    assert (rest.events, rest.is_resync) == ((), False)
    for position in (f"{2**50}.{'0' * 32}.1", "no position"):
        lost = await engine.user_events.after(user, position)
        assert (lost.events, lost.is_resync) == ((), True)


async def test_each_cancellation_has_its_own_result_in_request_order(engine: Engine) -> None:
    user = await engine.user()
    done = await engine.submit(user)
    await engine.complete(done)
    waiting = await engine.submit(user)
    with pytest.raises(NotFound) as missing:
        await engine.job_commands.cancel(user, [waiting.id, UNKNOWN])
    assert missing.value.code == "GENERATION_NOT_FOUND"
    free, late = await engine.job_commands.cancel(user, [waiting.id, done.id])
    assert isinstance(free, Cancelled)
    assert (free.outcome, free.generation.status) == (CancelOutcome.FREE, Status.CANCELLED)
    assert isinstance(late, Cancelled)
    assert (late.outcome, late.generation.status) == (CancelOutcome.TOO_LATE, Status.COMPLETED)


async def test_a_failed_generation_is_retried_and_queued_ones_are_found(engine: Engine) -> None:
    user = await engine.user()
    failed = await engine.submit(user)
    await engine.fail(failed)
    with pytest.raises(NotFound):
        await engine.job_commands.retry(user, [failed.id, UNKNOWN])
    (again,) = await engine.job_commands.retry(user, [failed.id])
    assert isinstance(again, Accepted)
    assert (again.replayed, again.generation.status, again.generation.round) == (False, Status.QUEUED, 2)
    (found,) = await engine.job_commands.retry(user, [failed.id])
    assert isinstance(found, Accepted)
    assert found.replayed
    await engine.complete(again.generation)
    (refused,) = await engine.job_commands.retry(user, [failed.id])
    assert isinstance(refused, PixelError)
    assert refused.code == "RETRY_NOT_POSSIBLE"


async def test_a_receipt_charges_what_was_delivered(engine: Engine) -> None:
    user = await engine.user()
    generation = await engine.submit(user, images=2)
    await engine.complete(generation)
    receipt = await engine.job_commands.receipt(user, generation.id)
    assert (receipt.generation_id, receipt.status) == (generation.id, "completed")
    assert (receipt.requested_images, receipt.delivered_images) == (2, 2)
    assert receipt.quoted_credits == receipt.charged_credits == generation.cost_credits
    (paid,) = receipt.rounds
    assert (paid.held_credits, paid.captured_credits, paid.settled) == (generation.cost_credits,) * 2 + (True,)
    assert [(run.attempt, run.round) for run in receipt.attempts] == [(1, 1)]


async def test_a_quote_prices_a_submission_without_making_it(engine: Engine) -> None:
    user = await engine.user()
    quote = await engine.job_commands.quote(submission(user, images=3))
    assert (quote.spec.model, quote.route.model, quote.would_be_refused) == ("studio-sketch", "studio-sketch", "")
    assert quote.cost_credits == 3 * quote.credits_per_image
    assert (await engine.generations.page(HistoryQuery(user, 5)))[0] == []
    assert (await engine.submit(user, images=3)).cost_credits == quote.cost_credits


async def test_transfers_are_listed_newest_first_by_kind_and_page(engine: Engine) -> None:
    user = await engine.user(100)
    generation = await engine.submit(user, images=2)
    rows, end = await engine.ledger_reads.transactions(TransactionQuery(user, 9))
    assert [(row.kind, row.available_credits, row.held_credits, row.generation_id) for row in rows] == [
        ("hold", -generation.cost_credits, generation.cost_credits, generation.id),
        ("grant", 100, 0, ""),
    ]
    first, cursor = await engine.ledger_reads.transactions(TransactionQuery(user, 1))
    second, _ = await engine.ledger_reads.transactions(TransactionQuery(user, 1, cursor))
    assert ([*first, *second], end) == (rows, "")
    assert (await engine.ledger_reads.transactions(TransactionQuery(user, 9, kind="grant")))[0] == rows[1:]


async def test_usage_sums_captured_credits_by_group(engine: Engine) -> None:
    user = await engine.user()
    generation = await engine.submit(user, images=3)
    await engine.complete(generation)
    usage = await engine.ledger_reads.usage(UsageQuery(user, ("model", "day")))
    (row,) = usage.rows
    assert (len(row.group), row.images) == (2, 3)
    assert row.credits == usage.total_credits == generation.cost_credits


async def test_a_promotion_code_is_created_listed_redeemed_once_and_ended(engine: Engine) -> None:
    user, codes = await engine.user(0 + 1), engine.promotions
    made = await codes.create(Promotion("WELCOME", 50), ADMIN)
    other = await codes.create(Promotion("AUTUMN", 5, max_uses=3), ADMIN)
    assert (made.code, made.credits, made.max_uses, made.used, made.end_time) == ("WELCOME", 50, 0, 0, None)
    assert made.create_time is not None
    with pytest.raises(Conflict) as exists:
        await codes.create(Promotion("WELCOME", 1), ADMIN)
    assert exists.value.code == "PROMOTION_EXISTS"
    first, cursor = await codes.page(limit=1, cursor="")
    second, end = await codes.page(limit=1, cursor=cursor)
    assert ([*first, *second], end) == ([other, made], "")
    redeemed = [await engine.ledger_reads.redeem(user, "welcome") for _ in range(2)]
    assert [(each.credits, each.redeemed) for each in redeemed] == [(50, True), (50, False)]
    with pytest.raises(NotFound) as unknown:
        await engine.ledger_reads.redeem(user, "NONE")
    assert unknown.value.code == "PROMOTION_NOT_FOUND"
    ended = await codes.end("welcome", ADMIN)
    assert ended.end_time is not None
    assert await codes.end("WELCOME", ADMIN) == ended
    with pytest.raises(NotFound):
        await codes.end("NONE", ADMIN)


async def test_a_budget_is_set_changed_listed_and_deleted(engine: Engine) -> None:
    wanted = Budget("", "key", format_id("key", new_id()), "month", "credits", 7)
    stored = await engine.budgets.put(wanted, ADMIN)
    assert replace(stored, id="", period_start_time=None) == wanted
    changed = await engine.budgets.put(replace(wanted, limit_amount=9), ADMIN)
    assert (changed.id, changed.limit_amount) == (stored.id, 9)
    assert await engine.budgets.of("key", wanted.subject) == [changed]
    assert await engine.budgets.of("key", format_id("key", new_id())) == []
    await engine.budgets.delete(stored.id, ADMIN)
    with pytest.raises(NotFound) as missing:
        await engine.budgets.delete(stored.id, ADMIN)
    assert missing.value.code == "BUDGET_NOT_FOUND"


async def test_credits_are_adjusted_and_refunded_once(engine: Engine) -> None:
    user, adjustments = await engine.user(100), engine.adjustments
    made = [await adjustments.adjust(user, -30, adjustment_id="a", reason="r", actor=ADMIN) for _ in range(2)]
    assert [(each.available_credits, each.adjusted) for each in made] == [(70, True), (70, False)]
    generation = await engine.submit(user, images=2)
    await engine.complete(generation)
    refunds = [await adjustments.refund(generation.id, 0, reason="r", actor=ADMIN) for _ in range(2)]
    assert [(each.refunded_credits, each.refunded) for each in refunds] == [
        (generation.cost_credits, True),
        (generation.cost_credits, False),
    ]
    assert (await engine.billing.balance(user)).available_credits == 70
    with pytest.raises(NotFound):
        await adjustments.refund(UNKNOWN, 0, reason="r", actor=ADMIN)


async def test_plan_and_limits_are_changed_and_the_ledger_is_balanced(engine: Engine) -> None:
    user = await engine.user(100)
    balance = await engine.adjustments.update_account(AccountChange(user, ADMIN, plan="pro", daily_limit_credits=50))
    assert (balance.plan, balance.daily_limit_credits, balance.available_credits) == ("pro", 50, 100)
    balance = await engine.adjustments.update_account(AccountChange(user, ADMIN, daily_limit_credits=-1))
    assert (balance.plan, balance.daily_limit_credits) == ("pro", None)
    checks = await engine.adjustments.reconcile()
    assert {check.violations for check in checks} == {0}
    assert "transfers_sum_to_zero" in {check.name for check in checks}


async def test_queues_are_read_and_changed(engine: Engine) -> None:
    names = [queue.queue for queue in await engine.queue.queues()]
    assert names == sorted(names)
    change = QueueChange(names[0], ADMIN, state="paused", max_running=5, reason="r")
    changed = await engine.queue.update_queue(change)
    assert (changed.queue, changed.state, changed.max_running) == (names[0], "paused", 5)
    unlimited = await engine.queue.update_queue(QueueChange(names[0], ADMIN, state="open", max_running=-1))
    assert (unlimited.state, unlimited.max_running) == ("open", None)
    with pytest.raises(NotFound) as missing:
        await engine.queue.update_queue(QueueChange("none", ADMIN, state="paused"))
    assert missing.value.code == "QUEUE_NOT_FOUND"
    status = await engine.queue.status()
    assert [queue.queue for queue in status.queues] == names
    processed = await engine.queue.process()
    assert processed.swept_jobs == 0


async def test_failed_work_is_listed_counted_and_retried(engine: Engine) -> None:
    user = await engine.user()
    failed = await engine.submit(user)
    await engine.fail(failed)
    wanted = FailureFilter(failure_code="timeout", user_id=user)
    page = await engine.failures.page(wanted, limit=5, cursor="")
    assert [(row.id, row.user_id, row.failure.code) for row in page.failures] == [(failed.id, user, "timeout")]
    assert (page.count_by_code, page.next_cursor) == ({"timeout": 1}, "")
    assert "prompt" not in page.failures[0].redacted_payload
    trial = await engine.failures.redrive(Redrive(wanted, ADMIN, dry_run=True, limit=5, rate_per_second=100))
    assert (trial.ids, trial.refused) == ((failed.id,), {})
    assert (await engine.generations.get(user, failed.id)).status is Status.FAILED
    made = await engine.failures.redrive(Redrive(wanted, ADMIN, dry_run=False, limit=5, rate_per_second=100))
    assert made.ids == (failed.id,)


async def test_statistics_are_sums_and_actions_name_their_actor(engine: Engine) -> None:
    user = await engine.user()
    for end in (engine.complete, engine.fail):
        await end(await engine.submit(user))
    today = datetime.now(UTC)
    stats = await engine.records.stats(user, today - timedelta(days=1), today + timedelta(hours=1))
    ended = (stats.successful_generations, stats.failed_generations, stats.cancelled_generations)
    assert stats.total_generations == sum(ended) == sum(model.generations for model in stats.models) >= 2
    assert stats.successful_generations == sum(model.completed for model in stats.models) >= 1
    assert stats.provider_cost_usd_micros == {}
    for number in range(2):
        await engine.act(user, f"mistake-{number}")
    first, cursor = await engine.records.actions(user_id=user, limit=1)
    second, last = await engine.records.actions(user_id=user, limit=1, cursor=cursor)
    assert [(each.actor, each.action, each.user_id) for each in (*first, *second)] == [
        (ADMIN, "adjust_credits", user)
    ] * 2
    assert (bool(cursor), last, first == second) == (True, "", False)
    assert await engine.records.actions(user_id=format_id("usr", new_id()), limit=5) == ([], "")
