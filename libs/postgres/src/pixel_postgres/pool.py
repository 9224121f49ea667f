"""One pool per service and schema."""

from __future__ import annotations

import asyncio
import json
import select
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pixel_errors import Unavailable
from psycopg import AsyncConnection, Error
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from pixel_postgres.errors import translate
from pixel_postgres.listen import notifications
from pixel_postgres.metrics import POOL_IN_USE, POOL_REFUSED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_WAIT_FOR_CONNECTION_S = 3.0
_MAX_WAITING = 1000
_CHECK_WITHIN_S = 2.0
_GIVE_UP_CONNECTING_AFTER_S = 5.0
"""Limit of the pool's growing reconnect pauses; the next request after it starts a new attempt at once."""

_SESSION = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
    "TimeZone": "UTC",
    # A plan made while its tables were empty scans them whole until the server's first ANALYZE.
    "enable_seqscan": "off",
}
_DETECT_DEAD_PEER = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


class Pool:
    """Connections of one schema, in autocommit until a transaction is opened."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[DictRow]], *, conninfo: str, schema: str) -> None:
        self._pool = pool
        self._conninfo = conninfo
        self._schema = schema
        self._in_use = POOL_IN_USE.labels(schema)
        self._refused = POOL_REFUSED.labels(schema)

    @property
    def schema(self) -> str:
        return self._schema

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Commit at the end of the block, roll back when it raises.

        Raises the kinds of `translate`; Unavailable with reason COMMIT_UNKNOWN when the change may be committed or not.
        """
        committing = False
        try:
            async with self._connection() as conn, conn.transaction():
                yield conn
                committing = True
        except Error as error:
            expected = translate(error, committing=committing)
            if expected is None:
                raise
            raise expected from error

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Yield a connection for single statements, each its own transaction."""
        try:
            async with self._connection() as conn:
                yield conn
        except Error as error:
            expected = translate(error)
            if expected is None:
                raise
            raise expected from error

    def listen(self, channel: str, stop: asyncio.Event, poll_s: float = 1.0) -> AsyncIterator[None]:
        """Yield at once, on each NOTIFY and at least every `poll_s` seconds, until `stop` is set.

        A notification is a hint: look for work on every turn. Uses its own connection and reconnects when it is
        lost; meanwhile turns come by time only.
        """
        return notifications(self._conninfo, channel, stop, poll_s)

    async def check(self) -> None:
        """Raise Unavailable when the database does not answer."""
        try:
            async with asyncio.timeout(_CHECK_WITHIN_S), self._connection() as conn:
                await conn.execute("SELECT 1")
        except TimeoutError as error:
            raise _no_answer() from error
        except Error as error:
            raise (translate(error) or _no_answer()) from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        try:
            conn = await self._getconn()
        except Error:
            self._refused.inc()
            raise
        self._in_use.inc()
        try:
            yield conn
        finally:
            self._in_use.dec()
            await self._pool.putconn(conn)

    async def _getconn(self) -> AsyncConnection[DictRow]:
        """Take a connection; discard all that the server closed while they were idle.

        The pool's own `check` pauses a second or more after the second dead connection, longer than a caller waits.
        """
        for _ in range(self._pool.max_size):
            conn = await self._pool.getconn()
            if not _spoken_to(conn):
                return conn
            try:
                await conn.close()
            finally:
                await self._pool.putconn(conn)
        return await self._pool.getconn()


@asynccontextmanager
async def open_pool(
    url: str, *, schema: str, application: str, min_size: int = 1, max_size: int = 10
) -> AsyncIterator[Pool]:
    """Open a pool for one schema, in UTC, with time limits on statements, locks and idle transactions.

    Returns before the database answers: a service can start first and report itself not ready.
    """
    conninfo = session_conninfo(url, schema=schema, application=application)
    pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
        conninfo,
        kwargs={"autocommit": True, "row_factory": dict_row},
        configure=_configure,
        min_size=min_size,
        max_size=max_size,
        open=False,
        name=application,
        timeout=_WAIT_FOR_CONNECTION_S,
        max_waiting=_MAX_WAITING,
        reconnect_timeout=_GIVE_UP_CONNECTING_AFTER_S,
    )
    await pool.open(wait=False)
    try:
        yield Pool(pool, conninfo=conninfo, schema=schema)
    finally:
        await pool.close()


def session_conninfo(url: str, *, schema: str, application: str) -> str:
    """Return the connection string with the session settings; `options` in the URL come last and win."""
    given = conninfo_to_dict(url)
    settings: dict[str, str] = {"search_path": schema, **_SESSION}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    wanted: dict[str, Any] = {**_DETECT_DEAD_PEER, "application_name": application, **given}
    wanted["options"] = f"{options} {given.get('options') or ''}".strip()
    return make_conninfo("", **wanted)


async def _configure(conn: AsyncConnection[DictRow]) -> None:
    set_json_loads(_loads, conn)


def _loads(data: str | bytes) -> Any:
    """Parse JSON, with a short cut for the empty values that most rows hold."""
    if data == b"{}":
        return {}
    if data == b"[]":
        return []
    return json.loads(data if isinstance(data, str) else data.decode())


def _spoken_to(conn: AsyncConnection[DictRow]) -> bool:
    """Return whether an idle connection has bytes to read, which normally means that the server closed it.

    Costs one system call instead of a round trip; without it callers see an error after a restart of the server.
    """
    if conn.closed:
        return True
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _no_answer() -> Unavailable:
    return Unavailable("the database does not answer", reason="DATABASE_UNREACHABLE")
