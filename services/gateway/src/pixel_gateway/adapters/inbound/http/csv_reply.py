"""Tables as CSV (RFC 4180), streamed page by page."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from litestar.types import Receive, Scope, Send

    from pixel_gateway.adapters.inbound.http.doors import Call
    from pixel_gateway.adapters.inbound.http.query import Query

CSV_TYPE = "text/csv"
FORMATS = ("json", "csv")
Cell = str | int | None

_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV injection)."""


def wants_csv(call: Call, query: Query) -> bool:
    """Tell whether the caller asks for CSV, by `format` or else by the Accept field."""
    word = query.word("format", FORMATS, default="")
    return word == "csv" if word else call.headers.get("accept", "").partition(",")[0].strip().startswith(CSV_TYPE)


class CsvReply:
    """A table whose rows are read while they are sent. A failure on the way breaks the connection off."""

    def __init__(self, columns: Sequence[str], rows: AsyncIterator[Sequence[Cell]], *, filename: str) -> None:
        self._columns = columns
        self._rows = rows
        self._filename = filename

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  the ASGI signature
        """Send it."""
        # The first row is read before the head is sent: what is refused is answered as the error it is.
        first = await anext(self._rows, None)
        headers = [
            (b"content-type", b"text/csv; charset=utf-8; header=present"),
            (b"content-disposition", f'attachment; filename="{self._filename}"'.encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope.get("method") == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await send(
            {
                "type": "http.response.body",
                "body": _lines([self._columns, *([] if first is None else [first])]),
                "more_body": True,
            }
        )
        async for row in self._rows:
            await send({"type": "http.response.body", "body": _lines([row]), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _lines(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_cell(each) for each in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Cell) -> Cell:
    """Return what is written: text that a spreadsheet would run gets a mark before it, numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_MARKS) else value
