"""Door of the caller's usage: what was spent, by key, end user, model, day or label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.types import ASGIApp  # noqa: TC002  what a door answers
from pixel_errors import Violation

from pixel_gateway.adapters.inbound.http import money_bodies as bodies
from pixel_gateway.adapters.inbound.http.credits import FORMAT
from pixel_gateway.adapters.inbound.http.csv_reply import CSV_TYPE, CsvReply, wants_csv
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter
from pixel_gateway.adapters.inbound.http.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.generations import FROM, TO
from pixel_gateway.adapters.inbound.http.reply import json_reply
from pixel_gateway.adapters.inbound.http.shown import shown
from pixel_gateway.domain.billing import UsageQuery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_gateway.adapters.inbound.http.csv_reply import Cell
    from pixel_gateway.application import Application
    from pixel_gateway.domain.billing import Usage

GROUPS = {"apiKey": "api_key", "endUser": "end_user", "model": "model", "day": "day"}
_METADATA = "metadata."
_MAX_GROUPS = 3
_MAX_LABEL_CHARS = 64


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""
    ledger_reads = app.engine.ports.ledger_reads

    async def usage(call: Call) -> ASGIApp:
        query = call.query("groupBy", "from", "to", "format")
        names = _groups(query.text("groupBy", max_length=300) or "model")
        wanted = UsageQuery(
            user_id=call.user_id,
            group_by=tuple(GROUPS.get(name, name) for name in names),
            from_time=query.moment("from"),
            to_time=query.moment("to"),
        )
        found = await ledger_reads.usage(wanted)
        if wants_csv(call, query):
            return CsvReply((*names, "generations", "images", "credits"), _usage_rows(found), filename="usage.csv")
        items = [shown(row, bodies.UsageRowView, group=dict(zip(names, row.group, strict=True))) for row in found.rows]
        return json_reply(bodies.UsageView(items, found.total_credits))

    return [
        Door(
            "GET",
            "/api/usage",
            usage,
            "What you spent, by key, end user, model, day or label",
            {200: Answer("Groups, largest first.", bodies.UsageView, other_type=CSV_TYPE)},
            tag="credits",
            parameters=(
                Parameter("groupBy", "1 to 3 of apiKey, endUser, model, day, metadata.NAME, with commas between them."),
                FROM,
                TO,
                FORMAT,
            ),
        ),
    ]


def _groups(text: str) -> list[str]:
    names = text.split(",")
    known = all(
        name in GROUPS or (name.startswith(_METADATA) and 0 < len(name.removeprefix(_METADATA)) <= _MAX_LABEL_CHARS)
        for name in names
    )
    if not known or len(names) > _MAX_GROUPS or len(set(names)) < len(names):
        message = f"has to be 1 to {_MAX_GROUPS} different of {', '.join(GROUPS)}, metadata.NAME"
        raise InvalidRequest(f"groupBy {message}.", violations=(Violation("groupBy", message),))
    return names


async def _usage_rows(usage: Usage) -> AsyncIterator[tuple[Cell, ...]]:
    for row in usage.rows:
        yield (*row.group, row.generations, row.images, row.credits)
