"""Named queries in .sql files, and the four ways to run one."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, cast

from opentelemetry import trace
from pixel_telemetry import get_logger, span
from psycopg import Error

from pixel_postgres.errors import translate
from pixel_postgres.metrics import SLOW_QUERIES, query_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from psycopg import AsyncConnection, AsyncCursor
    from psycopg.rows import DictRow

    Params: TypeAlias = Mapping[str, Any] | Sequence[Any] | None

T = TypeVar("T")

SLOW_QUERY_MS = 1000.0

_log = get_logger(__name__)
_NAME = re.compile(r"^--\s*name:\s*(?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)
COLUMNS_FILE = "columns.txt"
_USE = re.compile(r"\{(?P<list>[a-z][a-z0-9_]*) of (?P<alias>[a-z][a-z0-9_]*)\}")


class Query(str):
    """The text of one query; `name` identifies it in logs, metrics and traces."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, text: str, name: str) -> Self:
        query = super().__new__(cls, text)
        query.name = name
        return query


@cache
def load_queries(package: str, filename: str) -> Mapping[str, Query]:
    """Read the queries of a file in a package by name: each a `-- name: verb_noun` line and the text below it.

    `{job_columns of j}` in a query expands to `j.id, j.user_id, …`, the columns that the package's columns.txt lists
    under `job_columns:`, so that every query that reads a whole row reads the same columns.
    Raises ValueError when a name is used twice, a query is empty, SQL precedes the first name, or a list of columns is
    unknown.
    """
    source = f"{package}/{filename}"
    text = files(package).joinpath(filename).read_text(encoding="utf-8")
    head, *parts = _NAME.split(text)
    if _compact(head):
        raise ValueError(f"{source}: there is SQL before the first '-- name:' line")
    queries: dict[str, Query] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        statement = _compact(body)
        if name in queries:
            raise ValueError(f"{source}: query {name} is there twice")
        if not statement:
            raise ValueError(f"{source}: query {name} is empty")
        queries[name] = Query(_USE.sub(lambda use: _written_out(use, package, source), statement), name)
    return MappingProxyType(queries)


def _written_out(use: re.Match[str], package: str, source: str) -> str:
    columns = _column_lists(package).get(use["list"])
    if columns is None:
        raise ValueError(f"{source}: there is no list of columns {use['list']}")
    return ", ".join(f"{use['alias']}.{column}" for column in columns)


@cache
def _column_lists(package: str) -> Mapping[str, tuple[str, ...]]:
    file = files(package).joinpath(COLUMNS_FILE)
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    lists = (paragraph.partition(":") for paragraph in text.split("\n\n"))
    return {name.strip(): tuple(re.findall(r"\w+", columns)) for name, _, columns in lists}


def _compact(body: str) -> str:
    """Remove comment lines, whose percent signs the driver would parse as parameters, and indentation.

    The driver caches its parse of a statement of up to 4,096 characters and parses a longer one at every call.
    """
    lines = (line.strip() for line in body.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))


async def fetch_one(conn: AsyncConnection[DictRow], query: str, params: Params = None) -> dict[str, Any] | None:
    """Return the first row, or None. Raises the kinds of `translate`."""
    return await _observed(query, lambda: _first(conn, query, params))


async def fetch_all(conn: AsyncConnection[DictRow], query: str, params: Params = None) -> list[dict[str, Any]]:
    """Return every row. Raises the kinds of `translate`."""
    return await _observed(query, lambda: _every(conn, query, params))


async def execute(conn: AsyncConnection[DictRow], query: str, params: Params = None) -> int:
    """Run a statement; return how many rows it touched. Raises the kinds of `translate`."""
    return await _observed(query, lambda: _touched(conn, query, params))


async def execute_many(conn: AsyncConnection[DictRow], query: str, rows: Iterable[Params]) -> int:
    """Run a statement once per parameter row, in one round trip; return how many rows it touched in all."""
    return await _observed(query, lambda: _touched_by_many(conn, query, rows))


async def _first(conn: AsyncConnection[DictRow], query: str, params: Params) -> dict[str, Any] | None:
    cursor = await _run(conn, query, params)
    return await cursor.fetchone()


async def _every(conn: AsyncConnection[DictRow], query: str, params: Params) -> list[dict[str, Any]]:
    cursor = await _run(conn, query, params)
    return await cursor.fetchall()


async def _touched(conn: AsyncConnection[DictRow], query: str, params: Params) -> int:
    return (await _run(conn, query, params)).rowcount


async def _touched_by_many(conn: AsyncConnection[DictRow], query: str, rows: Iterable[Params]) -> int:
    async with conn.cursor() as cursor:
        await cursor.executemany(query, cast("Iterable[Any]", rows))
        return cursor.rowcount


async def _run(conn: AsyncConnection[DictRow], query: str, params: Params) -> AsyncCursor[DictRow]:
    return await conn.execute(query, params)


async def _observed(query: str, run: Callable[[], Awaitable[T]]) -> T:
    """Time the query, open a span when tracing, warn when it is slow, translate its errors."""
    name = query.name if isinstance(query, Query) else "unnamed"
    started = perf_counter()
    try:
        if trace.get_current_span().is_recording():
            with span(f"postgres {name}", "client", **{"db.system.name": "postgresql", "db.query.summary": name}):
                return await run()
        return await run()
    except Error as error:
        expected = translate(error)
        if expected is None:
            raise
        raise expected from error
    finally:
        seconds = perf_counter() - started
        query_seconds(name).observe(seconds)
        if seconds * 1000 > SLOW_QUERY_MS:
            SLOW_QUERIES.labels(name).inc()
            _log.warning("slow_query", query=name, ms=round(seconds * 1000))
