"""Credits, budgets, adjustments and promotions of the generation service over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import billing_service_pb2 as pb
from pixel.generation.v1 import billing_service_pb2_grpc as stubs

from pixel_gateway.adapters.generation_codec import stamp_of
from pixel_gateway.adapters.message_reader import facts_of
from pixel_gateway.adapters.outbound.page_tokens import page_tokens
from pixel_gateway.domain.account import Balance
from pixel_gateway.domain.billing import (
    Adjusted,
    Budget,
    Promotion,
    ReconcileCheck,
    Redeemed,
    Refunded,
    Transaction,
    Usage,
)

if TYPE_CHECKING:
    import grpc.aio

    from pixel_gateway.domain.account import AccountChange
    from pixel_gateway.domain.billing import TransactionQuery, UsageQuery

RECONCILE_WITHIN_S = 60.0
"""Time limit of a reconciliation, which reads the whole ledger."""


class GrpcBilling:
    """Balances and grants."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.BillingServiceStub(channel)

    async def balance(self, user_id: str) -> Balance:
        """Return the user's balance."""
        return facts_of(await self._stub.GetBalance(pb.GetBalanceRequest(user_id=user_id)), Balance)

    async def grant(self, user_id: str, credit_count: int, *, grant_id: str, reason: str) -> None:
        """Grant credits once per user and grant id."""
        request = pb.GrantCreditsRequest(user_id=user_id, credits=credit_count, grant_id=grant_id, reason=reason)
        await self._stub.GrantCredits(request)


class GrpcLedgerReads:
    """The users' reads of the ledger, and promotion codes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.BillingServiceStub(channel)

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""
        request = pb.ListTransactionsRequest(
            user_id=query.user_id,
            page_size=query.limit,
            page_token=query.cursor,
            kind=query.kind,
            generation_id=query.generation_id,
        )
        with page_tokens():
            answer = await self._stub.ListTransactions(request)
        return [facts_of(each, Transaction) for each in answer.transactions], answer.next_page_token

    async def usage(self, query: UsageQuery) -> Usage:
        """Return sums of captured credits by group."""
        request = pb.GetUsageRequest(
            user_id=query.user_id,
            group_by=query.group_by,
            start_time=stamp_of(query.from_time),
            end_time=stamp_of(query.to_time),
        )
        return facts_of(await self._stub.GetUsage(request), Usage)

    async def redeem(self, user_id: str, code: str) -> Redeemed:
        """Grant the credits of a promotion code, once per user; raise NotFound for an unknown code."""
        answer = await self._stub.RedeemPromotion(pb.RedeemPromotionRequest(user_id=user_id, code=code))
        return facts_of(answer, Redeemed)


class GrpcBudgets:
    """Budgets: limits on held and spent amounts."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.BillingServiceStub(channel)

    async def put(self, budget: Budget, actor: str) -> Budget:
        """Create or change the budget of a scope, subject, period and unit."""
        message = pb.Budget(
            scope=budget.scope,
            subject=budget.subject,
            period=budget.period,
            unit=budget.unit,
            limit_amount=budget.limit_amount,
        )
        answer = await self._stub.SetBudget(pb.SetBudgetRequest(budget=message, actor=actor))
        return facts_of(answer.budget, Budget)

    async def delete(self, budget_id: str, actor: str) -> None:
        """Delete a budget; raise NotFound."""
        await self._stub.DeleteBudget(pb.DeleteBudgetRequest(id=budget_id, actor=actor))

    async def of(self, scope: str = "", subject: str = "") -> list[Budget]:
        """Return budgets by scope and subject; empty values mean all."""
        answer = await self._stub.ListBudgets(pb.ListBudgetsRequest(scope=scope, subject=subject))
        return [facts_of(each, Budget) for each in answer.budgets]


class GrpcAdjustments:
    """Corrections by admins."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.BillingServiceStub(channel)

    async def adjust(self, user_id: str, credit_count: int, *, adjustment_id: str, reason: str, actor: str) -> Adjusted:
        """Add credits, or deduct them when negative; once per user and adjustment id."""
        request = pb.AdjustCreditsRequest(
            user_id=user_id, credits=credit_count, adjustment_id=adjustment_id, reason=reason, actor=actor
        )
        return facts_of(await self._stub.AdjustCredits(request), Adjusted)

    async def refund(self, generation_id: str, credit_count: int, *, reason: str, actor: str) -> Refunded:
        """Refund captured credits, 0 for all of the last round; once per round; raise NotFound."""
        request = pb.RefundGenerationRequest(
            generation_id=generation_id, credits=credit_count, reason=reason, actor=actor
        )
        return facts_of(await self._stub.RefundGeneration(request), Refunded)

    async def update_account(self, change: AccountChange) -> Balance:
        """Set plan and limits of a user."""
        request = pb.UpdateAccountRequest(
            user_id=change.user_id,
            plan=change.plan,
            daily_limit_credits=change.daily_limit_credits,
            max_running=change.max_running,
            actor=change.actor,
        )
        return facts_of((await self._stub.UpdateAccount(request)).account, Balance)

    async def reconcile(self) -> list[ReconcileCheck]:
        """Check the ledger, rule by rule."""
        answer = await self._stub.Reconcile(pb.ReconcileRequest(), timeout=RECONCILE_WITHIN_S)
        return [facts_of(each, ReconcileCheck) for each in answer.checks]


class GrpcPromotionCodes:
    """Promotion codes, which grant credits to each user once."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.BillingServiceStub(channel)

    async def create(self, promotion: Promotion, actor: str) -> Promotion:
        """Store a code and return it; raise Conflict for a code that exists."""
        request = pb.CreatePromotionRequest(
            code=promotion.code,
            credits=promotion.credits,
            max_uses=promotion.max_uses,
            end_time=stamp_of(promotion.end_time),
            actor=actor,
        )
        return facts_of((await self._stub.CreatePromotion(request)).promotion, Promotion)

    async def page(self, *, limit: int, cursor: str) -> tuple[list[Promotion], str]:
        """Return a page by code and the cursor of the next one (empty on the last)."""
        with page_tokens():
            answer = await self._stub.ListPromotions(pb.ListPromotionsRequest(page_size=limit, page_token=cursor))
        return [facts_of(each, Promotion) for each in answer.promotions], answer.next_page_token

    async def end(self, code: str, actor: str) -> Promotion:
        """End a code now; codes are case-insensitive; an ended one keeps its end; raise NotFound."""
        answer = await self._stub.EndPromotion(pb.EndPromotionRequest(code=code, actor=actor))
        return facts_of(answer.promotion, Promotion)
