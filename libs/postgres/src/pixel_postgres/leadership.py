"""One leader among the processes of a schema, by an advisory lock of its session."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from pixel_errors import PixelError

from pixel_postgres.queries import execute, fetch_one, load_queries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection

_QUERIES = load_queries("pixel_postgres.sql", "leadership.sql")


@asynccontextmanager
async def leading(conn: AsyncConnection[Any], name: str) -> AsyncIterator[bool]:
    """Yield whether this session leads under the name; it leads until the block or the session ends.

    The connection must be in autocommit: an idle transaction may be ended by a timeout, and its lock with it. A
    connection that fails to release the lock is closed, which releases it, so that it does not return to its pool with
    the lock. That failure is not raised: it would replace the exception that ended the block, perhaps a cancellation.
    """
    row = await fetch_one(conn, _QUERIES["take_lead"], {"name": name})
    leads = row is not None and bool(row["leads"])
    try:
        yield leads
    finally:
        if leads and not conn.closed:
            await _give_up(conn, name)


async def _give_up(conn: AsyncConnection[Any], name: str) -> None:
    given = False
    try:
        with suppress(PixelError):
            await execute(conn, _QUERIES["give_lead"], {"name": name})
            given = True
    finally:
        if not given:
            await conn.close()
