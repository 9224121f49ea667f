"""Credits over gRPC."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pixel.generation.v1 import billing_service_pb2 as pb
from pixel.generation.v1 import billing_service_pb2_grpc
from pixel_errors import Invalid, Violation
from pixel_runtime.ids import format_id, parse_id

from pixel_generation.adapters.inbound.grpc.billing.promotion_codec import (
    promotion_to_proto,
    promotions_to_proto,
    read_promotions,
)
from pixel_generation.adapters.inbound.grpc.billing.statement_codec import (
    read_transactions,
    read_usage,
    rules_to_proto,
    transactions_to_proto,
    usage_to_proto,
)
from pixel_generation.adapters.output_codec import timestamp
from pixel_generation.application.billing.correct_credits import (
    AdjustCredits,
    RefundGeneration,
)
from pixel_generation.application.billing.grant_credits import GrantCredits
from pixel_generation.application.billing.limit_spending import DeleteBudget, ListBudgets, SetBudget, UpdateAccount
from pixel_generation.application.billing.ports import AccountChange
from pixel_generation.application.billing.promotion_codes import (
    CreatePromotion,
    EndPromotion,
    RedeemPromotion,
)
from pixel_generation.domain.billing.budgets import Budget, BudgetLimit, Period, Scope, Unit
from pixel_generation.domain.errors import BudgetNotFound, GenerationNotFound

if TYPE_CHECKING:
    from enum import StrEnum

    from pixel_generation.application import Application
    from pixel_generation.domain.billing.credits import Account

SUBJECT_PREFIXES = {Scope.KEY: "key", Scope.USER: "usr"}

Word = TypeVar("Word", bound="StrEnum")


class BillingServicer(billing_service_pb2_grpc.BillingServiceServicer):
    def __init__(self, app: Application) -> None:
        self._billing = app.billing

    async def GetBalance(  # noqa: N802 - named by the proto
        self, request: pb.GetBalanceRequest, context: object
    ) -> pb.GetBalanceResponse:
        del context
        return _account(await self._billing.get_account(_user_id(request.user_id)))

    async def GrantCredits(  # noqa: N802 - named by the proto
        self, request: pb.GrantCreditsRequest, context: object
    ) -> pb.GrantCreditsResponse:
        del context
        command = GrantCredits(_user_id(request.user_id), request.credits, request.grant_id, request.reason)
        granted, available = await self._billing.grant(command)
        return pb.GrantCreditsResponse(available_credits=available, granted=granted)

    async def AdjustCredits(  # noqa: N802 - named by the proto
        self, request: pb.AdjustCreditsRequest, context: object
    ) -> pb.AdjustCreditsResponse:
        del context
        command = AdjustCredits(
            _user_id(request.user_id), request.credits, request.adjustment_id, request.reason, request.actor
        )
        outcome = await self._billing.adjust(command)
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
        outcome = await self._billing.refund(command)
        return pb.RefundGenerationResponse(refunded_credits=outcome.credits_back, refunded=outcome.is_new)

    async def CreatePromotion(  # noqa: N802 - named by the proto
        self, request: pb.CreatePromotionRequest, context: object
    ) -> pb.CreatePromotionResponse:
        del context
        ends_at = request.end_time.ToDatetime(tzinfo=UTC) if request.HasField("end_time") else None
        command = CreatePromotion(request.code, request.credits, request.max_uses, ends_at, request.actor)
        made = await self._billing.create_promotion(command)
        return pb.CreatePromotionResponse(promotion=promotion_to_proto(made))

    async def ListPromotions(  # noqa: N802 - named by the proto
        self, request: pb.ListPromotionsRequest, context: object
    ) -> pb.ListPromotionsResponse:
        del context
        page = await self._billing.list_promotions(read_promotions(request))
        return promotions_to_proto(page)

    async def EndPromotion(  # noqa: N802 - named by the proto
        self, request: pb.EndPromotionRequest, context: object
    ) -> pb.EndPromotionResponse:
        del context
        ended = await self._billing.end_promotion(EndPromotion(request.code, request.actor))
        return pb.EndPromotionResponse(promotion=promotion_to_proto(ended))

    async def RedeemPromotion(  # noqa: N802 - named by the proto
        self, request: pb.RedeemPromotionRequest, context: object
    ) -> pb.RedeemPromotionResponse:
        del context
        outcome = await self._billing.redeem_promotion(RedeemPromotion(_user_id(request.user_id), request.code))
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
        command = UpdateAccount(_user_id(request.user_id), change, request.actor)
        account = await self._billing.update_account(command)
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
        budget = await self._billing.set_budget(SetBudget(limit, request.actor))
        return pb.SetBudgetResponse(budget=_budget(budget))

    async def DeleteBudget(  # noqa: N802 - named by the proto
        self, request: pb.DeleteBudgetRequest, context: object
    ) -> pb.DeleteBudgetResponse:
        del context
        try:
            budget_id = UUID(hex=request.id)
        except ValueError as error:
            raise BudgetNotFound from error
        await self._billing.delete_budget(DeleteBudget(budget_id, request.actor))
        return pb.DeleteBudgetResponse()

    async def ListBudgets(  # noqa: N802 - named by the proto
        self, request: pb.ListBudgetsRequest, context: object
    ) -> pb.ListBudgetsResponse:
        del context
        scope = _word(Scope, "scope", request.scope) if request.scope else None
        subject = _read_subject(scope, request.subject) if scope and request.subject else request.subject or None
        budgets = await self._billing.list_budgets(ListBudgets(scope, subject))
        return pb.ListBudgetsResponse(budgets=map(_budget, budgets))

    async def ListTransactions(  # noqa: N802 - named by the proto
        self, request: pb.ListTransactionsRequest, context: object
    ) -> pb.ListTransactionsResponse:
        del context
        page = await self._billing.list_transactions(read_transactions(request))
        return transactions_to_proto(page)

    async def GetUsage(  # noqa: N802 - named by the proto
        self, request: pb.GetUsageRequest, context: object
    ) -> pb.GetUsageResponse:
        del context
        return usage_to_proto(await self._billing.sum_usage(read_usage(request)))

    async def Reconcile(  # noqa: N802 - named by the proto
        self, request: pb.ReconcileRequest, context: object
    ) -> pb.ReconcileResponse:
        del request, context
        return rules_to_proto(await self._billing.reconcile())


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
