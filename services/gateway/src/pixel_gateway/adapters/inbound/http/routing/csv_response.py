"""Tables as CSV (RFC 4180), streamed row by row."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from litestar.response import Stream

from pixel_gateway.adapters.inbound.http.routing.parameters import word

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pixel_gateway.adapters.inbound.http.routing.request import Request

CSV_TYPE = "text/csv"
FORMAT = word("format", "`csv`, as `Accept: text/csv`.", ("json", "csv"))
Cell = str | int | None

_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins with one of these as a formula (OWASP, CSV injection)."""


def wants_csv(request: Request) -> bool:
    """Return whether the caller requests CSV, by `format` or else by the Accept field."""
    wanted = request.query[FORMAT]
    accepted = request.fields.get("accept", "").partition(",")[0].strip()
    return wanted == "csv" if wanted else accepted.startswith(CSV_TYPE)


async def csv_response(
    request: Request, columns: Sequence[str], rows: AsyncIterator[Sequence[Cell]], *, filename: str
) -> Stream:
    """Return a table whose rows are read while they are sent. A failure during it closes the connection."""
    # The first row is read before the head is sent, so that a rejection is sent as an error.
    first = await anext(rows, None)
    headers = {
        "content-type": "text/csv; charset=utf-8; header=present",
        "content-disposition": f'attachment; filename="{filename}"',
        "cache-control": "no-store",
    }
    return Stream(() if request.method == "HEAD" else _lines_of(columns, first, rows), headers=headers)


async def _lines_of(
    columns: Sequence[str], first: Sequence[Cell] | None, rows: AsyncIterator[Sequence[Cell]]
) -> AsyncIterator[bytes]:
    yield _lines([columns, *([] if first is None else [first])])
    async for row in rows:
        yield _lines([row])


def _lines(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_cell(each) for each in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Cell) -> Cell:
    """Return the cell: text that a spreadsheet would run gets a prefix, numbers are unchanged."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_MARKS) else value
