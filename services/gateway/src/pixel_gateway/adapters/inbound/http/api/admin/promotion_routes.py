"""Endpoints of admins on promotion codes."""

from __future__ import annotations

from litestar import Controller

from pixel_gateway.adapters.inbound.http.api.admin.money_schemas import (
    CreatePromotionBody,
    PromotionPage,
    PromotionView,
)
from pixel_gateway.adapters.inbound.http.api.admin.parameters import LIMIT, MAX_NAME_CHARS, PromotionCode
from pixel_gateway.adapters.inbound.http.api.admin.presenters import promotion_view
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, delete, get, post
from pixel_gateway.adapters.inbound.http.routing.parameters import CURSOR
from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.billing import Promotion
from pixel_gateway.domain.rate_limit import LoadClass


class AdminPromotions(Controller):
    """Promotion codes."""

    tags = ("admin",)

    @get(
        "/api/admin/promotions",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="List promotion codes",
        answer="By code, each with its number of redemptions.",
        parameters=(LIMIT, CURSOR),
    )
    async def list_promotions(self, request: Request) -> PromotionPage:
        query = request.query
        found, next_cursor = await request.application.billing.list_promotions(limit=query[LIMIT], cursor=query[CURSOR])
        return PromotionPage([promotion_view(each) for each in found], next_cursor or None)

    @post(
        "/api/admin/promotions",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        status=201,
        summary="Create a promotion code",
        answer="The code.",
        ignores_query=True,
        example={"code": "WELCOME-2026", "credits": 50, "maxUses": 1000},
        problems={409: "PROMOTION_EXISTS: the code exists."},
    )
    async def create_promotion(self, request: Request, data: JsonBody[CreatePromotionBody]) -> PromotionView:
        wanted = Promotion(data.code, data.credits, data.max_uses or 0, data.ends_at)
        return promotion_view(await request.application.billing.create_promotion(wanted, request.user_id))

    @delete(
        "/api/admin/promotions/{code:str}",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="End a promotion code",
        answer="The ended code; a code that had ended is unchanged.",
        description="Redeemed credits stay with their users, and the code stays listed with its uses.",
        problems={404: "PROMOTION_NOT_FOUND: the code does not exist."},
    )
    async def end_promotion(self, request: Request, code: PromotionCode) -> PromotionView:
        return promotion_view(await request.application.billing.end_promotion(code[:MAX_NAME_CHARS], request.user_id))
