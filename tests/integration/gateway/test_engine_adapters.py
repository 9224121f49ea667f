"""The gateway's calls to the engine over real gRPC, with servicers that follow the contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pixel.generation.v1 import billing_service_pb2 as billing_pb
from pixel.generation.v1 import billing_service_pb2_grpc as billing_grpc
from pixel.generation.v1 import generation_pb2 as generation_pb
from pixel.generation.v1 import generations_service_pb2 as generations_pb
from pixel.generation.v1 import generations_service_pb2_grpc as generations_grpc
from pixel.generation.v1 import operations_service_pb2 as operations_pb
from pixel.generation.v1 import operations_service_pb2_grpc as operations_grpc
from pixel_errors import Invalid, NotFound, PixelError, Violation
from pixel_gateway.adapters.generation_codec import submission_message
from pixel_gateway.adapters.outbound.generation.billing_rpc import (
    GrpcAdjustments,
    GrpcBilling,
    GrpcBudgets,
    GrpcLedgerReads,
)
from pixel_gateway.adapters.outbound.generation.job_commands_rpc import GrpcJobCommands
from pixel_gateway.adapters.outbound.generation.operations_rpc import (
    GrpcFailedGenerations,
    GrpcQueueOperations,
    GrpcRecords,
)
from pixel_gateway.application.generations.ports import Accepted, Cancelled, CancelOutcome, Submission
from pixel_gateway.application.ports import InvalidPageToken
from pixel_gateway.domain.account import AccountChange
from pixel_gateway.domain.billing import Budget, TransactionQuery, UsageQuery, UsageRow
from pixel_gateway.domain.generation import Adjustment, JobType, Priority, RouteCandidate, Spec
from pixel_gateway.domain.operations import FailureFilter, QueueChange, Redrive, SetAsideJob
from pixel_rpc import RpcServer, open_channel

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
STAMP = Timestamp(seconds=int(NOW.timestamp()))
GEN = [f"gen_{number:032x}" for number in range(3)]


def message(generation_id: str) -> generation_pb.Generation:
    return generation_pb.Generation(
        id=generation_id,
        status=generation_pb.GENERATION_STATUS_CANCELLED,
        stage=generation_pb.GENERATION_STAGE_DONE,
        create_time=STAMP,
        kind="video",
        priority=generation_pb.JOB_PRIORITY_LOW,
        round=2,
        schedule_time=STAMP,
        waits_for="capped",
        position_reason="fair_share",
        end_user="u",
        metadata={"team": "ads"},
        adjustments=[generation_pb.Adjustment(field="size", requested="1x1", used="2x2")],
        route=generation_pb.Route(model="m", rule="cheapest"),
    )


NOT_FOUND = generations_pb.SubmissionError(kind="not_found", reason="GENERATION_NOT_FOUND", detail="none")


class Engine(
    generations_grpc.GenerationsServiceServicer,
    billing_grpc.BillingServiceServicer,
    operations_grpc.OperationsServiceServicer,
):
    def __init__(self) -> None:
        self.requests: list[object] = []

    async def CancelGenerations(self, request, context):  # noqa: N802
        results = [
            generations_pb.CancelResult(
                id=GEN[0], cancel_outcome=generations_pb.CANCEL_OUTCOME_PARTIAL, generation=message(GEN[0])
            ),
            generations_pb.CancelResult(id=GEN[1], error=NOT_FOUND),
            generations_pb.CancelResult(id=GEN[2]),
        ]
        return generations_pb.CancelGenerationsResponse(results=results[: len(request.ids)])

    async def RetryGenerations(self, request, context):  # noqa: N802
        results = [
            generations_pb.SubmissionResult(generation=message(GEN[0]), replayed=True),
            generations_pb.SubmissionResult(error=NOT_FOUND),
        ]
        return generations_pb.RetryGenerationsResponse(results=results)

    async def GetReceipt(self, request, context):  # noqa: N802
        receipt = generations_pb.Receipt(
            generation_id=request.id,
            quoted_credits=4,
            status=generation_pb.GENERATION_STATUS_FAILED,
            rounds=[generations_pb.RoundReceipt(round=1, held_credits=4, released_credits=4, settled=True)],
            attempts=[
                generations_pb.AttemptReceipt(attempt=1, cost_usd_micros=0, claim_time=STAMP),
                generations_pb.AttemptReceipt(attempt=2),
            ],
        )
        return generations_pb.GetReceiptResponse(receipt=receipt)

    async def QuoteGeneration(self, request, context):  # noqa: N802
        self.requests.append(request)
        candidates = [
            generation_pb.RouteCandidate(model="a", excluded_because="price_unknown", health="closed"),
            generation_pb.RouteCandidate(model="b", cost_credits=0, health="open"),
        ]
        return generations_pb.QuoteGenerationResponse(
            cost_credits=4,
            image=request.submission.image,
            route=generation_pb.Route(model="b", candidates=candidates, rule="cheapest"),
            eta=generation_pb.EtaInterval(min_seconds=0, max_seconds=2),
        )

    async def GetBalance(self, request, context):  # noqa: N802
        return billing_pb.GetBalanceResponse(
            available_credits=2**53, plan="pro", daily_limit_credits=0, reset_time=STAMP, max_open_jobs=9
        )

    async def ListTransactions(self, request, context):  # noqa: N802
        if request.page_token == "forged":
            raise Invalid("not ours", violations=(Violation("page_token", "not ours"),))
        row = billing_pb.Transaction(id="1", kind=request.kind, available_credits=-2, create_time=STAMP)
        return billing_pb.ListTransactionsResponse(transactions=[row], next_page_token="next")

    async def GetUsage(self, request, context):  # noqa: N802
        row = billing_pb.UsageRow(group=request.group_by, generations=1, images=2, credits=3)
        return billing_pb.GetUsageResponse(rows=[row], total_credits=3)

    async def RedeemPromotion(self, request, context):  # noqa: N802
        raise NotFound("none", reason="PROMOTION_NOT_FOUND")

    async def SetBudget(self, request, context):  # noqa: N802
        request.budget.id = "1" * 32
        return billing_pb.SetBudgetResponse(budget=request.budget)

    async def DeleteBudget(self, request, context):  # noqa: N802
        self.requests.append(request)
        return billing_pb.DeleteBudgetResponse()

    async def ListBudgets(self, request, context):  # noqa: N802
        return billing_pb.ListBudgetsResponse(budgets=[billing_pb.Budget(id="1", scope="key", used_amount=5)])

    async def AdjustCredits(self, request, context):  # noqa: N802
        self.requests.append(request)
        return billing_pb.AdjustCreditsResponse(available_credits=5, adjusted=True)

    async def RefundGeneration(self, request, context):  # noqa: N802
        self.requests.append(request)
        return billing_pb.RefundGenerationResponse(refunded_credits=2, refunded=True)

    async def UpdateAccount(self, request, context):  # noqa: N802
        self.requests.append(request)
        return billing_pb.UpdateAccountResponse(account=billing_pb.GetBalanceResponse(plan=request.plan))

    async def Reconcile(self, request, context):  # noqa: N802
        checks = [billing_pb.ReconcileCheck(name="transfers_sum_to_zero", violations=1, examples=["x"])]
        return billing_pb.ReconcileResponse(checks=checks)

    async def GetQueueStatus(self, request, context):  # noqa: N802
        queue = operations_pb.Queue(queue="studio", queued=3, oldest_wait_seconds=0)
        return operations_pb.GetQueueStatusResponse(queue_length=3, queues=[queue])

    async def ProcessQueue(self, request, context):  # noqa: N802
        return operations_pb.ProcessQueueResponse(signalled_queues=1, swept_jobs=2)

    async def UpdateQueue(self, request, context):  # noqa: N802
        self.requests.append(request)
        return operations_pb.UpdateQueueResponse(queue=operations_pb.Queue(queue=request.queue, max_running=5))

    async def ListQueues(self, request, context):  # noqa: N802
        return operations_pb.ListQueuesResponse(queues=[operations_pb.Queue(queue="studio")])

    async def GetGenerationStats(self, request, context):  # noqa: N802
        return operations_pb.GetGenerationStatsResponse(
            total_generations=4,
            models=[operations_pb.ModelStats(model="m", generations=4)],
            provider_cost_usd_micros={"studio": 7},
            credits_by_feature={"image": 10},
        )

    async def ListFailures(self, request, context):  # noqa: N802
        self.requests.append(request)
        failed = operations_pb.FailedWork(
            id=GEN[0],
            kind="edit",
            failure=generation_pb.GenerationFailure(code="timeout", message="late", retryable=True),
            attempts=[generations_pb.AttemptReceipt(attempt=1)],
        )
        failed.redacted_payload.update({"size": "1:1"})
        aside = operations_pb.SetAsideJob(id="gen_9", duty="expire", reason="ValueError", failures=2)
        aside.look_again_time.FromDatetime(NOW)
        return operations_pb.ListFailuresResponse(failures=[failed], count_by_code={"timeout": 1}, set_aside=[aside])

    async def RedriveFailures(self, request, context):  # noqa: N802
        self.requests.append(request)
        return operations_pb.RedriveFailuresResponse(ids=[GEN[0]], refused={GEN[1]: "INSUFFICIENT_CREDITS"})

    async def ListActions(self, request, context):  # noqa: N802
        action = operations_pb.Action(id="1", actor="operator", action="queue_paused", create_time=STAMP)
        action.metadata.update({"queue": "studio", "round": 2, "share": 0.5})
        return operations_pb.ListActionsResponse(actions=[action])


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def channel(engine: Engine):
    def add(server) -> None:
        generations_grpc.add_GenerationsServiceServicer_to_server(engine, server)
        billing_grpc.add_BillingServiceServicer_to_server(engine, server)
        operations_grpc.add_OperationsServiceServicer_to_server(engine, server)

    server = RpcServer("engine", "127.0.0.1:0", add, services=())
    await server.start()
    async with open_channel(server.address) as channel:
        yield channel
    await server.stop()


def submission() -> Submission:
    return Submission(
        "usr_1",
        Spec("a"),
        "",
        "r",
        job_type=JobType.VIDEO,
        priority=Priority.HIGH,
        schedule_time=NOW,
        cancel_after_s=90,
        api_key_id="key_1",
        end_user="u",
        metadata={"team": "ads"},
        adjust=True,
        allow_fallback=True,
    )


def test_every_field_of_a_submission_is_sent() -> None:
    written = submission_message(submission())

    assert (written.kind, written.priority) == ("video", generation_pb.JOB_PRIORITY_HIGH)
    assert (written.schedule_time, written.cancel_after_seconds) == (STAMP, 90)
    assert (written.api_key_id, written.end_user, dict(written.metadata)) == ("key_1", "u", {"team": "ads"})
    assert (written.adjust, written.allow_fallback) == (True, True)


async def test_each_cancellation_has_its_own_result(channel):
    done, missing, broken = await GrpcJobCommands(channel).cancel("usr_1", GEN)

    assert isinstance(done, Cancelled)
    assert done.outcome is CancelOutcome.PARTIAL
    generation = done.generation
    assert (generation.job_type, generation.priority, generation.round) == (JobType.VIDEO, Priority.LOW, 2)
    assert (generation.schedule_time, generation.cancel_time, generation.waits_for) == (NOW, None, "capped")
    assert generation.position_reason == "fair_share"
    assert generation.adjustments == (Adjustment("size", "1x1", "2x2"),)
    assert generation.route is not None
    assert (generation.route.model, generation.route.rule, generation.metadata) == ("m", "cheapest", {"team": "ads"})
    assert isinstance(missing, PixelError)
    assert isinstance(broken, PixelError)
    assert (missing.kind, missing.code) == ("not_found", "GENERATION_NOT_FOUND")
    assert broken.kind == "internal"


async def test_each_retry_has_its_own_result(channel):
    again, missing = await GrpcJobCommands(channel).retry("usr_1", GEN[:2])

    assert isinstance(again, Accepted)
    assert again.replayed
    assert isinstance(missing, PixelError)
    assert missing.code == "GENERATION_NOT_FOUND"


async def test_a_receipt_distinguishes_unknown_from_zero(channel):
    receipt = await GrpcJobCommands(channel).receipt("usr_1", GEN[0])

    assert (receipt.status, receipt.quoted_credits, receipt.provider_cost_usd_micros) == ("failed", 4, None)
    assert (receipt.rounds[0].released_credits, receipt.rounds[0].settled) == (4, True)
    assert [each.cost_usd_micros for each in receipt.attempts] == [0, None]
    assert (receipt.attempts[0].claim_time, receipt.attempts[0].end_time) == (NOW, None)


async def test_a_quote_has_every_candidate(channel):
    quote = await GrpcJobCommands(channel).quote(submission())

    assert (quote.cost_credits, quote.eta_s, quote.spec.prompt) == (4, (0.0, 2.0), "a")
    assert quote.route.candidates == (
        RouteCandidate("a", "price_unknown", "closed", None),
        RouteCandidate("b", "", "open", 0),
    )


async def test_a_balance_distinguishes_no_limit_from_a_limit_of_zero(channel):
    balance = await GrpcBilling(channel).balance("usr_1")

    assert (balance.available_credits, balance.plan, balance.daily_limit_credits) == (2**53, "pro", 0)
    assert (balance.reset_time, balance.max_open_jobs) == (NOW, 9)


async def test_statement_and_usage_are_read(channel):
    ledger_reads = GrpcLedgerReads(channel)

    (row,), cursor = await ledger_reads.transactions(TransactionQuery("usr_1", 5, kind="hold"))
    usage = await ledger_reads.usage(UsageQuery("usr_1", ("api_key", "day"), NOW))

    assert (row.kind, row.available_credits, row.create_time, cursor) == ("hold", -2, NOW, "next")
    assert usage.rows == (UsageRow(("api_key", "day"), 1, 2, 3),)
    assert usage.total_credits == 3
    with pytest.raises(InvalidPageToken):
        await ledger_reads.transactions(TransactionQuery("usr_1", 5, cursor="forged"))
    with pytest.raises(NotFound) as refused:
        await ledger_reads.redeem("usr_1", "NONE")
    assert refused.value.code == "PROMOTION_NOT_FOUND"


async def test_budgets_are_put_listed_and_removed(channel, engine):
    budgets = GrpcBudgets(channel)

    stored = await budgets.put(Budget("", "key", "key_1", "day", "credits", 7), "usr_1")
    await budgets.delete(stored.id, "usr_1")

    assert (stored.id, stored.limit_amount, stored.period_start_time) == ("1" * 32, 7, None)
    assert (engine.requests[-1].id, engine.requests[-1].actor) == (stored.id, "usr_1")
    assert [each.used_amount for each in await budgets.of("key")] == [5]


async def test_adjustments_name_their_actor_and_reason(channel, engine):
    adjustments = GrpcAdjustments(channel)

    adjusted = await adjustments.adjust("usr_1", -5, adjustment_id="a", reason="r", actor="usr_2")
    refunded = await adjustments.refund(GEN[0], 0, reason="r", actor="usr_2")
    balance = await adjustments.update_account(AccountChange("usr_1", "usr_2", plan="pro", max_running=-1))
    checks = await adjustments.reconcile()

    adjust, refund, update = engine.requests
    assert (adjusted.available_credits, adjust.credits, adjust.adjustment_id) == (5, -5, "a")
    assert (refunded.refunded_credits, refund.credits) == (2, 0)
    assert (update.max_running, update.HasField("daily_limit_credits"), balance.plan) == (-1, False, "pro")
    assert {each.actor for each in engine.requests} == {"usr_2"}
    assert [(check.name, check.violations, check.examples) for check in checks] == [
        ("transfers_sum_to_zero", 1, ("x",))
    ]


async def test_queue_and_queues_are_read_and_changed(channel, engine):
    operations = GrpcQueueOperations(channel)

    status = await operations.status()
    processed = await operations.process()
    changed = await operations.update_queue(QueueChange("studio", "usr_2", state="paused", max_queued=0, reason="r"))
    (queue,) = await operations.queues()

    assert (status.queue_length, status.average_wait_seconds, status.queues[0].oldest_wait_seconds) == (3, None, 0.0)
    assert (processed.signalled_queues, processed.swept_jobs) == (1, 2)
    assert (changed.max_running, queue.max_running) == (5, None)
    (update,) = engine.requests
    assert (update.state, update.max_queued, update.HasField("max_running")) == ("paused", 0, False)


async def test_failed_work_is_read_and_run_again(channel, engine):
    failures = GrpcFailedGenerations(channel)
    wanted = FailureFilter(failure_code="timeout", job_type="edit", from_time=NOW)

    page = await failures.page(wanted, limit=5, cursor="")
    redriven = await failures.redrive(Redrive(wanted, "usr_2", dry_run=True, limit=9, rate_per_second=2.5))

    listed, redrive = engine.requests
    assert listed.filter == redrive.filter
    assert (listed.filter.kind, listed.filter.ended_after) == ("edit", STAMP)
    assert not listed.filter.HasField("ended_before")
    assert (page.failures[0].job_type, page.failures[0].failure.code) == ("edit", "timeout")
    assert (page.failures[0].redacted_payload, page.count_by_code) == ({"size": "1:1"}, {"timeout": 1})
    assert page.set_aside == (SetAsideJob("gen_9", "expire", "ValueError", 2, look_again_time=NOW),)
    assert (redriven.ids, redriven.refused) == ((GEN[0],), {GEN[1]: "INSUFFICIENT_CREDITS"})


async def test_statistics_and_actions_are_read(channel):
    records = GrpcRecords(channel)

    stats = await records.stats("", NOW, None)
    (action,), cursor = await records.actions(limit=5)

    assert (stats.total_generations, stats.average_seconds, stats.models[0].generations) == (4, None, 4)
    assert (stats.provider_cost_usd_micros, stats.credits_by_feature) == ({"studio": 7}, {"image": 10})
    assert (action.action, action.create_time, cursor) == ("queue_paused", NOW, "")
    assert json.dumps(action.metadata, sort_keys=True) == '{"queue": "studio", "round": 2, "share": 0.5}'
