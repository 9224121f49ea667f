"""Endpoints of the caller's credits: balance, statement, promotion codes, usage, quotes and receipts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litestar import Controller, Response
from litestar.openapi.datastructures import ResponseSpec
from pixel_errors import Violation
from pixel_limits.generation import GET_USAGE_REQUEST_GROUP_BY_MAX_ITEMS as _MAX_GROUPS

from pixel_gateway.adapters.inbound.http.api.billing import presenters
from pixel_gateway.adapters.inbound.http.api.billing.schemas import (
    CreditsView,
    QuoteView,
    ReceiptView,
    RedeemedView,
    RedeemPromotion,
    TransactionPage,
    TransactionView,
    UsageRowView,
    UsageView,
)
from pixel_gateway.adapters.inbound.http.api.generations.parameters import CANCEL_AFTER
from pixel_gateway.adapters.inbound.http.api.generations.submission import (
    EXAMPLE_REQUEST,
    CreateGeneration,
    submission_of,
)
from pixel_gateway.adapters.inbound.http.api.models.routes import QUOTE_PROBLEMS
from pixel_gateway.adapters.inbound.http.routing.csv_response import CSV_TYPE, FORMAT, csv_response, wants_csv
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, get, post
from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.routing.parameters import CURSOR, FROM, TO, IdInPath, page_size, text, word
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct
from pixel_gateway.domain.billing import TransactionQuery, UsageQuery
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_gateway.adapters.inbound.http.routing.csv_response import Cell
    from pixel_gateway.application import Application
    from pixel_gateway.domain.billing import Usage

TRANSACTION_KINDS = ("grant", "promotion", "adjustment", "hold", "capture", "release", "refund")
GROUPS = {"apiKey": "api_key", "endUser": "end_user", "model": "model", "day": "day"}
_METADATA = "metadata."
_MAX_LABEL_CHARS = 64
_CSV_PAGE = 1000
_COLUMNS = ("id", "createdAt", "kind", "available", "held", "generationId", "round", "reason")
_LIMIT = page_size(50)
_KIND = word("kind", "Only this kind.", TRANSACTION_KINDS)
_GENERATION = text("generationId", "Only transfers of this generation.", max_length=64)
_GROUP_BY = text(
    "groupBy", "1 to 3 of apiKey, endUser, model, day, metadata.NAME, with commas between them.", max_length=300
)


class Billing(Controller):
    """Credits of the caller."""

    tags = ("credits",)

    @get(
        "/api/generations/{id:str}/receipt",
        load_class=LoadClass.CRITICAL,
        summary="Get the receipt of a generation",
        answer="Its rounds and runs.",
    )
    async def view_receipt(self, request: Request, generation_id: IdInPath) -> ReceiptView:
        require_id("gen", generation_id)
        return presenters.receipt_view(await request.application.billing.view_receipt(request.user_id, generation_id))

    @post(
        "/api/quotes",
        load_class=LoadClass.READ,
        summary="Quote a request",
        answer="The credits that a submission of the same body would hold now.",
        description="Creates and holds nothing. The body is that of POST /api/generations.",
        parameters=(CANCEL_AFTER,),
        example=EXAMPLE_REQUEST,
        problems=QUOTE_PROBLEMS,
    )
    async def quote(self, request: Request, data: JsonBody[CreateGeneration]) -> QuoteView:
        return presenters.quote_view(await request.application.billing.quote(submission_of(data, request)))

    @get(
        "/api/credits",
        load_class=LoadClass.CRITICAL,
        summary="Your credits, plan and limits",
        answer="Available and held credits, and the credits spent today.",
    )
    async def view_credits(self, request: Request) -> CreditsView:
        return presenters.credits_view(await request.application.billing.get_balance(request.user_id))

    @get(
        "/api/credits/transactions",
        load_class=LoadClass.CRITICAL,
        summary="Your statement",
        answer=ResponseSpec(TransactionPage, description="Transfers, newest first; as CSV all of them."),
        other_answer_type=CSV_TYPE,
        parameters=(_LIMIT, CURSOR, _KIND, _GENERATION, FORMAT),
    )
    async def list_transactions(self, request: Request) -> Response[Any]:
        query = request.query
        generation_id = query[_GENERATION]
        wanted = TransactionQuery(
            user_id=request.user_id,
            limit=query[_LIMIT],
            cursor=query[CURSOR],
            kind=query[_KIND],
            generation_id=require_id("gen", generation_id) if generation_id else "",
        )
        if wants_csv(request):
            rows = _transaction_rows(request.application, wanted)
            return await csv_response(request, _COLUMNS, rows, filename="transactions.csv")
        found, next_cursor = await request.application.billing.list_transactions(wanted)
        items = [to_struct(row, TransactionView) for row in found]
        return JsonResponse(TransactionPage(items, next_cursor or None))

    @post(
        "/api/credits/promotions",
        load_class=LoadClass.CRITICAL,
        summary="Redeem a promotion code",
        answer="The credits of the code; once per user.",
        ignores_query=True,
        example={"code": "WELCOME-2026"},
        problems={
            404: "PROMOTION_NOT_FOUND: the code does not exist.",
            409: "PROMOTION_ENDED: it has ended or is used up.",
        },
    )
    async def redeem_promotion(self, request: Request, data: JsonBody[RedeemPromotion]) -> RedeemedView:
        return to_struct(await request.application.billing.redeem_promotion(request.user_id, data.code), RedeemedView)

    @get(
        "/api/usage",
        load_class=LoadClass.READ,
        summary="Your usage by key, end user, model, day or label",
        answer=ResponseSpec(UsageView, description="Groups, largest first."),
        other_answer_type=CSV_TYPE,
        parameters=(_GROUP_BY, FROM, TO, FORMAT),
    )
    async def view_usage(self, request: Request) -> Response[Any]:
        query = request.query
        names = _groups(query[_GROUP_BY] or "model")
        wanted = UsageQuery(
            user_id=request.user_id,
            group_by=tuple(GROUPS.get(name, name) for name in names),
            from_time=query[FROM],
            to_time=query[TO],
        )
        found = await request.application.billing.view_usage(wanted)
        if wants_csv(request):
            columns = (*names, "generations", "images", "credits")
            return await csv_response(request, columns, _usage_rows(found), filename="usage.csv")
        items = [to_struct(row, UsageRowView, group=dict(zip(names, row.group, strict=True))) for row in found.rows]
        return JsonResponse(UsageView(items, found.total_credits))


async def _transaction_rows(application: Application, wanted: TransactionQuery) -> AsyncIterator[tuple[Cell, ...]]:
    cursor = wanted.cursor
    while True:
        page, cursor = await application.billing.list_transactions(replace(wanted, limit=_CSV_PAGE, cursor=cursor))
        for row in page:
            yield (
                row.id,
                row.create_time.isoformat(),
                row.kind,
                row.available_credits,
                row.held_credits,
                row.generation_id,
                row.round,
                row.reason,
            )
        if not cursor:
            return


def _groups(value: str) -> list[str]:
    names = value.split(",")
    known = all(
        name in GROUPS or (name.startswith(_METADATA) and 0 < len(name.removeprefix(_METADATA)) <= _MAX_LABEL_CHARS)
        for name in names
    )
    if not known or len(names) > _MAX_GROUPS or len(set(names)) < len(names):
        message = f"has to be 1 to {_MAX_GROUPS} different of {', '.join(GROUPS)}, metadata.NAME"
        raise InvalidRequest(f"groupBy {message}.", violations=(Violation("groupBy", message),))
    return names


async def _usage_rows(usage: Usage) -> AsyncIterator[tuple[Any, ...]]:
    for row in usage.rows:
        yield (*row.group, row.generations, row.images, row.credits)
