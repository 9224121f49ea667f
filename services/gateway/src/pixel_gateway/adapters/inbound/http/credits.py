"""Doors of the caller's credits: balance, statement, promotion codes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from litestar.types import ASGIApp  # noqa: TC002  what a door answers

from pixel_gateway.adapters.inbound.http import money_bodies as bodies
from pixel_gateway.adapters.inbound.http.csv_reply import CSV_TYPE, FORMATS, CsvReply, wants_csv
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter, require_id
from pixel_gateway.adapters.inbound.http.generations import limit_parameter
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.shown import shown
from pixel_gateway.domain.billing import TransactionQuery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pixel_gateway.adapters.inbound.http.csv_reply import Cell
    from pixel_gateway.application import Application
    from pixel_gateway.domain.account import Balance

    Handler = Callable[[Call], Awaitable[ASGIApp]]

TRANSACTION_KINDS = ("grant", "promotion", "adjustment", "hold", "capture", "release", "refund")
_CSV_PAGE = 1000
_COLUMNS = ("id", "createdAt", "kind", "available", "held", "generationId", "round", "reason")


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""
    ledger_reads = app.engine.ports.ledger_reads

    async def balance(call: Call) -> Reply:
        call.query()
        return json_reply(credits_view(await app.ports.billing.balance(call.user_id)))

    async def transactions(call: Call) -> ASGIApp:
        query = call.query("limit", "cursor", "kind", "generationId", "format")
        generation_id = query.text("generationId", max_length=64)
        wanted = TransactionQuery(
            user_id=call.user_id,
            limit=query.whole("limit", default=50, least=1, most=100),
            cursor=query.cursor(),
            kind=query.word("kind", TRANSACTION_KINDS, default=""),
            generation_id=require_id("gen", generation_id) if generation_id else "",
        )
        if wants_csv(call, query):
            return CsvReply(_COLUMNS, _rows(wanted), filename="transactions.csv")
        rows, next_cursor = await ledger_reads.transactions(wanted)
        items = [shown(row, bodies.TransactionView) for row in rows]
        return json_reply(bodies.TransactionPage(items, next_cursor or None))

    async def _rows(wanted: TransactionQuery) -> AsyncIterator[tuple[Cell, ...]]:
        cursor = wanted.cursor
        while True:
            page, cursor = await ledger_reads.transactions(replace(wanted, limit=_CSV_PAGE, cursor=cursor))
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

    async def redeem(call: Call) -> Reply:
        body = await call.json(bodies.RedeemPromotion)
        return json_reply(shown(await ledger_reads.redeem(call.user_id, body.code), bodies.RedeemedView))

    return _doors(balance, transactions, redeem)


def _doors(balance: Handler, transactions: Handler, redeem: Handler) -> list[Door]:
    return [
        Door(
            "GET",
            "/api/credits",
            balance,
            "Your credits, plan and limits",
            {200: Answer("What you can spend, hold and have spent today.", bodies.CreditsView)},
            tag="credits",
        ),
        Door(
            "GET",
            "/api/credits/transactions",
            transactions,
            "Your statement",
            {200: Answer("Transfers, newest first; as CSV all of them.", bodies.TransactionPage, other_type=CSV_TYPE)},
            tag="credits",
            parameters=(
                limit_parameter(50),
                Parameter("cursor", "`nextCursor` of the page before."),
                Parameter("kind", "Only this kind.", {"type": "string", "enum": [*TRANSACTION_KINDS]}),
                Parameter("generationId", "Only transfers of this generation."),
                FORMAT,
            ),
        ),
        Door(
            "POST",
            "/api/credits/promotions",
            redeem,
            "Redeem a promotion code",
            {200: Answer("The credits of the code; once per user.", bodies.RedeemedView)},
            tag="credits",
            body=bodies.RedeemPromotion,
            body_example={"code": "WELCOME-2026"},
            problems={
                404: "PROMOTION_NOT_FOUND: there is no such code.",
                409: "PROMOTION_ENDED: its time or its uses are over.",
            },
        ),
    ]


FORMAT = Parameter("format", "`csv`, as `Accept: text/csv`.", {"type": "string", "enum": [*FORMATS]})


def credits_view(balance: Balance) -> bodies.CreditsView:
    """Return the public form of a balance."""
    return shown(balance, bodies.CreditsView)
