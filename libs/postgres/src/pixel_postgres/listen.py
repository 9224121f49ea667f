"""Turns of a polling loop: on a notification, and by time when none comes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from pixel_telemetry import get_logger
from psycopg import AsyncConnection, Error, sql

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_log = get_logger(__name__)


async def notifications(conninfo: str, channel: str, stop: asyncio.Event, poll_s: float) -> AsyncIterator[None]:
    """Yield at once, on each NOTIFY and at least every `poll_s` seconds until `stop` is set."""
    while not stop.is_set():
        # The first turn after each connection: a notification may have been missed while disconnected.
        yield
        try:
            async with await AsyncConnection.connect(conninfo, autocommit=True) as conn:
                await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                yield
                while not stop.is_set():
                    await _wait(conn, stop, poll_s)
                    yield
        except Error as error:
            _log.warning("listen_lost", channel=channel, error=str(error).strip())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), poll_s)


async def _wait(conn: AsyncConnection, stop: asyncio.Event, poll_s: float) -> None:
    """Return on a notification, when `stop` is set, or after `poll_s` seconds."""
    notified = asyncio.create_task(_next_notification(conn, poll_s))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((notified, stopped), return_when=asyncio.FIRST_COMPLETED)
        if notified.done():
            notified.result()
    finally:
        for task in (notified, stopped):
            task.cancel()
        await asyncio.gather(notified, stopped, return_exceptions=True)


async def _next_notification(conn: AsyncConnection, within_s: float) -> None:
    async for _ in conn.notifies(timeout=within_s, stop_after=1):
        return
