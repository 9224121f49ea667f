"""Endpoints of admins on accounts and their money."""

from __future__ import annotations

import msgspec
import pixel_telemetry
from litestar import Controller
from pixel_errors import Violation

from pixel_gateway.adapters.inbound.http.api.admin.money_schemas import (
    AdjustCreditsBody,
    AdjustedView,
    CheckView,
    ReconcileView,
    RefundBody,
    RefundedView,
    UpdateUserBody,
    UserView,
)
from pixel_gateway.adapters.inbound.http.api.billing.presenters import credits_view
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, patch, post
from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.routing.parameters import IDEMPOTENCY_KEY, IdInPath
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct
from pixel_gateway.domain.access import Access, Role
from pixel_gateway.domain.account import AccountChange
from pixel_gateway.domain.billing import AdjustCredits
from pixel_gateway.domain.rate_limit import LoadClass

log = pixel_telemetry.get_logger(__name__)

_AS_THE_PLAN_SAYS = -1


class AdminAccounts(Controller):
    """Accounts and the ledger."""

    tags = ("admin",)

    @post(
        "/api/admin/users/{id:str}/credits",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="Add or deduct credits",
        answer="The credits after the adjustment.",
        description="The adjustment is made once per user and `adjustmentId` (or Idempotency-Key).",
        ignores_query=True,
        example={"credits": 100, "reason": "Outage of 21 November", "adjustmentId": "outage-2026-11-21"},
        problems={
            409: "BALANCE_TOO_LOW: it would take more than the balance.",
            422: "IDEMPOTENCY_KEY_REUSED: the id was used for another amount or reason.",
        },
    )
    async def adjust_credits(
        self, request: Request, user_id: IdInPath, data: JsonBody[AdjustCreditsBody]
    ) -> AdjustedView:
        require_id("usr", user_id)
        if data.credits == 0:
            message = "has to be more or less than 0"
            raise InvalidRequest(f"credits {message}.", violations=(Violation("credits", message),))
        application = request.application
        adjustment_id = data.adjustment_id or request.header(IDEMPOTENCY_KEY) or application.billing.new_adjustment_id()
        command = AdjustCredits(user_id, data.credits, adjustment_id, data.reason, request.user_id)
        return to_struct(await application.billing.adjust_credits(command), AdjustedView, adjustment_id=adjustment_id)

    @patch(
        "/api/admin/users/{id:str}",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="Change plan, limits or role of an account",
        answer="The account; a changed role applies everywhere within 5 seconds.",
        ignores_query=True,
        example={"plan": "pro", "dailyLimit": None},
    )
    async def update_user(self, request: Request, user_id: IdInPath, data: JsonBody[UpdateUserBody]) -> UserView:
        change = AccountChange(
            user_id=require_id("usr", user_id),
            actor=request.user_id,
            plan="" if data.plan is msgspec.UNSET else data.plan,
            daily_limit_credits=_limit(data.daily_limit),
            max_running=_limit(data.max_running),
        )
        role = None if data.role is msgspec.UNSET else Role(data.role)
        account, balance = await request.application.accounts.update_user(change, role)
        if role is not None:
            log.info("role_changed", user_id=user_id, role=role, actor=request.user_id)
        return UserView(account.id, account.username, account.role, account.create_time, credits_view(balance))

    @post(
        "/api/admin/generations/{id:str}/refund",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="Refund captured credits",
        answer="The refunded credits; once per round.",
        ignores_query=True,
        example={"reason": "The pictures were unusable"},
        problems={409: "NOTHING_CAPTURED: the generation was not charged."},
    )
    async def refund(self, request: Request, generation_id: IdInPath, data: JsonBody[RefundBody]) -> RefundedView:
        refunded = await request.application.billing.refund(
            require_id("gen", generation_id), data.credits or 0, reason=data.reason, actor=request.user_id
        )
        return to_struct(refunded, RefundedView)

    @post(
        "/api/admin/reconcile",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="Check the ledger",
        answer="Every rule with its number of violations.",
    )
    async def reconcile(self, request: Request) -> ReconcileView:
        checks = await request.application.billing.reconcile()
        return ReconcileView(
            balanced=not any(check.violations for check in checks),
            checks=[to_struct(check, CheckView) for check in checks],
        )


def _limit(value: int | msgspec.UnsetType | None) -> int | None:
    """Return a limit for the ledger: None keeps it, -1 means the plan's limit."""
    if value is msgspec.UNSET:
        return None
    return _AS_THE_PLAN_SAYS if value is None else value
