"""Credits over gRPC."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pixel.generation.v1 import billing_service_pb2 as pb
from pixel.generation.v1 import billing_service_pb2_grpc
from pixel_errors import Invalid, Violation
from pixel_runtime.ids import format_id, parse_id

from pixel_generation.adapters.codec import timestamp
from pixel_generation.adapters.inbound.grpc.billing.promotion_codec import answer_promotions, promotion_to_proto
from pixel_generation.adapters.inbound.grpc.billing.statement_codec import (
    answer_transactions,
    answer_usage,
    rules_to_proto,
)
from pixel_generation.application.billing.correct_credits import (
    AdjustCredits,
    RefundGeneration,
    adjust_credits,
    refund_generation,
)
from pixel_generation.application.billing.grant_credits import GrantCredits, grant_credits
from pixel_generation.application.billing.limit_spending import delete_budget, set_budget, update_account
from pixel_generation.application.billing.ports import AccountChange
from pixel_generation.application.billing.promotion_codes import (
    CreatePromotion,
    create_promotion,
    end_promotion,
    redeem_promotion,
)
from pixel_generation.domain.billing.budgets import Budget, BudgetLimit, Period, Scope, Unit
from pixel_generation.domain.errors import BudgetNotFound, GenerationNotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from enum import StrEnum

    from pixel_generation.application.billing.billing import Billing
    from pixel_generation.application.billing.read_statement import StatementReader
    from pixel_generation.application.maintenance.ports import RuleResult
    from pixel_generation.domain.billing.credits import Account

MAX_BUDGETS = 1_000
SUBJECT_PREFIXES = {Scope.KEY: "key", Scope.USER: "usr"}

Word = TypeVar("Word", bound="StrEnum")


class BillingServicer(billing_service_pb2_grpc.BillingServiceServicer):
    def __init__(
        self,
        billing: Billing,
        statement: StatementReader,
        reconcile: Callable[[], Awaitable[list[RuleResult]]],
    ) -> None:
        self._billing = billing
        self._statement = statement
        self._reconcile = reconcile

    async def GetBalance(  # noqa: N802 - named by the proto
        self, request: pb.GetBalanceRequest, context: object
    ) -> pb.GetBalanceResponse:
        del context
        return _account(await self._billing.accounts.find(_user_id(request.user_id)))

    async def GrantCredits(  # noqa: N802 - named by the proto
        self, request: pb.GrantCreditsRequest, context: object
    ) -> pb.GrantCreditsResponse:
        del context
        command = GrantCredits(_user_id(request.user_id), request.credits, request.grant_id, request.reason)
        granted, available = await grant_credits(command, ledger=self._billing.ledger)
        return pb.GrantCreditsResponse(available_credits=available, granted=granted)

    async def AdjustCredits(  # noqa: N802 - named by the proto
        self, request: pb.AdjustCreditsRequest, context: object
    ) -> pb.AdjustCreditsResponse:
        del context
        command = AdjustCredits(
            _user_id(request.user_id), request.credits, request.adjustment_id, request.reason, request.actor
        )
        outcome = await adjust_credits(command, corrections=self._billing.corrections)
        return pb.AdjustCreditsResponse(available_credits=outcome.available, adjusted=outcome.made)

    async def RefundGeneration(  # noqa: N802 - named by the proto
        self, request: pb.RefundGenerationRequest, context: object
    ) -> pb.RefundGenerationResponse:
        del context
        try:
            job_id = parse_id("gen", request.generation_id)
        except ValueError as error:
            raise GenerationNotFound from error
        command = RefundGeneration(job_id, request.credits, request.reason, request.actor)
        outcome = await refund_generation(command, corrections=self._billing.corrections)
        return pb.RefundGenerationResponse(refunded_credits=outcome.credits_back, refunded=outcome.is_new)

    async def CreatePromotion(  # noqa: N802 - named by the proto
        self, request: pb.CreatePromotionRequest, context: object
    ) -> pb.CreatePromotionResponse:
        del context
        ends_at = request.end_time.ToDatetime(tzinfo=UTC) if request.HasField("end_time") else None
        command = CreatePromotion(request.code, request.credits, request.max_uses, ends_at, request.actor)
        made = await create_promotion(command, promotions=self._billing.promotions)
        return pb.CreatePromotionResponse(promotion=promotion_to_proto(made))

    async def ListPromotions(  # noqa: N802 - named by the proto
        self, request: pb.ListPromotionsRequest, context: object
    ) -> pb.ListPromotionsResponse:
        del context
        return await answer_promotions(request, self._billing.promotions)

    async def EndPromotion(  # noqa: N802 - named by the proto
        self, request: pb.EndPromotionRequest, context: object
    ) -> pb.EndPromotionResponse:
        del context
        ended = await end_promotion(request.code, actor=request.actor, promotions=self._billing.promotions)
        return pb.EndPromotionResponse(promotion=promotion_to_proto(ended))

    async def RedeemPromotion(  # noqa: N802 - named by the proto
        self, request: pb.RedeemPromotionRequest, context: object
    ) -> pb.RedeemPromotionResponse:
        del context
        user_id = _user_id(request.user_id)
        outcome = await redeem_promotion(user_id, request.code, promotions=self._billing.promotions)
        return pb.RedeemPromotionResponse(
            credits=outcome.credits, available_credits=outcome.available, redeemed=outcome.redeemed
        )

    async def UpdateAccount(  # noqa: N802 - named by the proto
        self, request: pb.UpdateAccountRequest, context: object
    ) -> pb.UpdateAccountResponse:
        del context
        change = AccountChange(
            plan=request.plan or None,
            daily_limit=request.daily_limit_credits if request.HasField("daily_limit_credits") else None,
            max_running=request.max_running if request.HasField("max_running") else None,
        )
        account = await update_account(
            _user_id(request.user_id), change, actor=request.actor, accounts=self._billing.accounts
        )
        return pb.UpdateAccountResponse(account=_account(account))

    async def SetBudget(  # noqa: N802 - named by the proto
        self, request: pb.SetBudgetRequest, context: object
    ) -> pb.SetBudgetResponse:
        del context
        asked = request.budget
        scope = _word(Scope, "scope", asked.scope)
        limit = BudgetLimit(
            scope=scope,
            subject=_read_subject(scope, asked.subject),
            period=_word(Period, "period", asked.period),
            unit=_word(Unit, "unit", asked.unit),
            limit_amount=asked.limit_amount,
        )
        budget = await set_budget(limit, actor=request.actor, budgets=self._billing.budgets)
        return pb.SetBudgetResponse(budget=_budget(budget))

    async def DeleteBudget(  # noqa: N802 - named by the proto
        self, request: pb.DeleteBudgetRequest, context: object
    ) -> pb.DeleteBudgetResponse:
        del context
        try:
            budget_id = UUID(hex=request.id)
        except ValueError as error:
            raise BudgetNotFound from error
        await delete_budget(budget_id, actor=request.actor, budgets=self._billing.budgets)
        return pb.DeleteBudgetResponse()

    async def ListBudgets(  # noqa: N802 - named by the proto
        self, request: pb.ListBudgetsRequest, context: object
    ) -> pb.ListBudgetsResponse:
        del context
        scope = _word(Scope, "scope", request.scope) if request.scope else None
        if request.subject and scope is None:
            raise _invalid("scope", "A subject is of a scope; name it.")
        subject = _read_subject(scope, request.subject) if scope and request.subject else None
        budgets = await self._billing.budgets.find(scope=scope, subject=subject, limit=MAX_BUDGETS)
        return pb.ListBudgetsResponse(budgets=map(_budget, budgets))

    async def ListTransactions(  # noqa: N802 - named by the proto
        self, request: pb.ListTransactionsRequest, context: object
    ) -> pb.ListTransactionsResponse:
        del context
        return await answer_transactions(request, self._statement)

    async def GetUsage(  # noqa: N802 - named by the proto
        self, request: pb.GetUsageRequest, context: object
    ) -> pb.GetUsageResponse:
        del context
        return await answer_usage(request, self._statement)

    async def Reconcile(  # noqa: N802 - named by the proto
        self, request: pb.ReconcileRequest, context: object
    ) -> pb.ReconcileResponse:
        del request, context
        return rules_to_proto(await self._reconcile())


def _account(account: Account) -> pb.GetBalanceResponse:
    return pb.GetBalanceResponse(
        available_credits=account.balance.available,
        held_credits=account.balance.held,
        plan=account.plan,
        daily_limit_credits=account.daily_limit,
        spent_today_credits=account.spent_today,
        reset_time=timestamp(account.reset_at),
        open_jobs=account.open_jobs,
        max_open_jobs=account.max_open_jobs,
    )


def _budget(budget: Budget) -> pb.Budget:
    limit, started = budget.limit, budget.period_start
    prefix = SUBJECT_PREFIXES.get(limit.scope)
    return pb.Budget(
        id=budget.id.hex,
        scope=limit.scope.value,
        subject=format_id(prefix, UUID(hex=limit.subject)) if prefix else limit.subject,
        period=limit.period.value,
        unit=limit.unit.value,
        limit_amount=limit.limit_amount,
        used_amount=budget.used,
        period_start_time=timestamp(datetime.combine(started, time(), UTC)) if started else None,
    )


def _read_subject(scope: Scope, text: str) -> str:
    prefix = SUBJECT_PREFIXES.get(scope)
    if prefix is None:
        return text
    try:
        return parse_id(prefix, text).hex
    except ValueError as error:
        raise _invalid("subject", f"The subject is {prefix}_ and 32 hex digits.") from error


def _word(words: type[Word], field: str, text: str) -> Word:
    try:
        return words(text)
    except ValueError as error:
        raise _invalid(field, f"The {field} is one of {', '.join(words)}.") from error


def _user_id(text: str) -> UUID:
    try:
        return parse_id("usr", text)
    except ValueError as error:
        raise _invalid("userId", "A user id is usr_ and 32 hex digits.") from error


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
