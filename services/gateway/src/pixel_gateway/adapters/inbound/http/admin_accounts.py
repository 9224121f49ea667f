"""Doors of admins on accounts and money."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pixel_telemetry
from pixel_errors import Violation

from pixel_gateway.adapters.inbound.http import money_bodies as bodies
from pixel_gateway.adapters.inbound.http.credits import credits_view
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter
from pixel_gateway.adapters.inbound.http.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.generations import limit_parameter
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.shown import shown
from pixel_gateway.application.accounts.administer import AdjustCredits
from pixel_gateway.domain.access import Access, Role
from pixel_gateway.domain.account import AccountChange
from pixel_gateway.domain.billing import Promotion

if TYPE_CHECKING:
    from pixel_gateway.application import Application

log = pixel_telemetry.get_logger(__name__)

_AS_THE_PLAN_SAYS = -1


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""
    return [*_user_doors(app), *_money_doors(app), *_promotion_doors(app)]


def _user_doors(app: Application) -> list[Door]:
    async def adjust(call: Call) -> Reply:
        user_id = call.id_in_path("usr")
        body = await call.json(bodies.AdjustCreditsBody)
        if body.credits == 0:
            message = "has to be more or less than 0"
            raise InvalidRequest(f"credits {message}.", violations=(Violation("credits", message),))
        adjustment_id = body.adjustment_id or call.idempotency_key() or app.ports.ids.random_text()
        command = AdjustCredits(user_id, body.credits, adjustment_id, body.reason, call.user_id)
        adjusted = await app.engine.adjust_credits(command)
        return json_reply(shown(adjusted, bodies.AdjustedView, adjustment_id=adjustment_id))

    async def update(call: Call) -> Reply:
        user_id = call.id_in_path("usr")
        body = await call.json(bodies.UpdateUserBody)
        change = AccountChange(
            user_id=user_id,
            actor=call.user_id,
            plan="" if body.plan is msgspec.UNSET else body.plan,
            daily_limit_credits=_limit(body.daily_limit),
            max_running=_limit(body.max_running),
        )
        role = None if body.role is msgspec.UNSET else Role(body.role)
        account, balance = await app.engine.update_user(change, role)
        if role is not None:
            log.info("role_changed", user_id=user_id, role=role, actor=call.user_id)
        view = bodies.UserView(account.id, account.username, account.role, account.create_time, credits_view(balance))
        return json_reply(view)

    return [
        Door(
            "POST",
            "/api/admin/users/{id:str}/credits",
            adjust,
            "Add or take credits",
            {200: Answer("Credits after it; a new transfer with its reason.", bodies.AdjustedView)},
            access=Access.ADMIN,
            description="The same `adjustmentId` (or Idempotency-Key) for the same user does it once.",
            tag="admin",
            body=bodies.AdjustCreditsBody,
            body_example={"credits": 100, "reason": "Outage of 21 November", "adjustmentId": "outage-2026-11-21"},
            problems={
                409: "BALANCE_TOO_LOW: more would be taken than is there.",
                422: "IDEMPOTENCY_KEY_REUSED: the id was used for another amount or reason.",
            },
        ),
        Door(
            "PATCH",
            "/api/admin/users/{id:str}",
            update,
            "Change plan, limits or role of an account",
            {200: Answer("The account; a role holds everywhere within 5 seconds.", bodies.UserView)},
            access=Access.ADMIN,
            tag="admin",
            body=bodies.UpdateUserBody,
            body_example={"plan": "pro", "dailyLimit": None},
        ),
    ]


def _money_doors(app: Application) -> list[Door]:
    adjustments = app.engine.ports.adjustments

    async def refund(call: Call) -> Reply:
        generation_id = call.id_in_path("gen")
        body = await call.json(bodies.RefundBody)
        refunded = await adjustments.refund(generation_id, body.credits or 0, reason=body.reason, actor=call.user_id)
        return json_reply(shown(refunded, bodies.RefundedView))

    async def reconcile(call: Call) -> Reply:
        call.query()
        checks = await adjustments.reconcile()
        view = bodies.ReconcileView(
            balanced=not any(check.violations for check in checks),
            checks=[shown(check, bodies.CheckView) for check in checks],
        )
        return json_reply(view)

    return [
        Door(
            "POST",
            "/api/admin/generations/{id:str}/refund",
            refund,
            "Give captured credits back",
            {200: Answer("Credits given back; once per round.", bodies.RefundedView)},
            access=Access.ADMIN,
            tag="admin",
            body=bodies.RefundBody,
            body_example={"reason": "The pictures were unusable"},
            problems={409: "NOTHING_CAPTURED: the generation was not charged."},
        ),
        Door(
            "POST",
            "/api/admin/reconcile",
            reconcile,
            "Prove the ledger",
            {200: Answer("Every rule with the number of rows that break it.", bodies.ReconcileView)},
            access=Access.ADMIN,
            tag="admin",
        ),
    ]


def _promotion_doors(app: Application) -> list[Door]:
    promotions = app.engine.ports.promotions

    async def page(call: Call) -> Reply:
        query = call.query("limit", "cursor")
        found, next_cursor = await promotions.page(
            limit=query.whole("limit", default=20, least=1, most=100), cursor=query.cursor()
        )
        return json_reply(bodies.PromotionPage([_promotion_view(each) for each in found], next_cursor or None))

    async def create(call: Call) -> Reply:
        body = await call.json(bodies.CreatePromotionBody)
        wanted = Promotion(body.code, body.credits, body.max_uses or 0, body.ends_at)
        return json_reply(_promotion_view(await promotions.create(wanted, call.user_id)), status=201)

    async def end(call: Call) -> Reply:
        call.query()
        code = str(call.scope["path_params"]["code"])[:64]
        return json_reply(_promotion_view(await promotions.end(code, call.user_id)))

    return [
        Door(
            "GET",
            "/api/admin/promotions",
            page,
            "List promotion codes",
            {200: Answer("By code, each with how many users have redeemed it.", bodies.PromotionPage)},
            access=Access.ADMIN,
            tag="admin",
            parameters=(limit_parameter(20), Parameter("cursor", "`nextCursor` of the page before.")),
        ),
        Door(
            "POST",
            "/api/admin/promotions",
            create,
            "Make a promotion code",
            {201: Answer("The code.", bodies.PromotionView)},
            access=Access.ADMIN,
            tag="admin",
            body=bodies.CreatePromotionBody,
            body_example={"code": "WELCOME-2026", "credits": 50, "maxUses": 1000},
            problems={409: "PROMOTION_EXISTS: the code was made before."},
        ),
        Door(
            "DELETE",
            "/api/admin/promotions/{code:str}",
            end,
            "End a promotion code",
            {
                200: Answer(
                    "The code, which nobody redeems any more; one that was over is as it was.", bodies.PromotionView
                )
            },
            access=Access.ADMIN,
            description="What was redeemed stays with its users, and the code with its uses stays listed.",
            tag="admin",
            problems={404: "PROMOTION_NOT_FOUND: there is no such code."},
        ),
    ]


def _promotion_view(promotion: Promotion) -> bodies.PromotionView:
    return shown(promotion, bodies.PromotionView, max_uses=promotion.max_uses or None)


def _limit(value: int | msgspec.UnsetType | None) -> int | None:
    """Return a limit as the ledger takes it: None leaves it, -1 is as the plan says."""
    if value is msgspec.UNSET:
        return None
    return _AS_THE_PLAN_SAYS if value is None else value
