"""The inbox: the events that a consumer has already processed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_postgres import execute, load_queries

if TYPE_CHECKING:
    from psycopg import AsyncConnection

INBOX = load_queries("pixel_events.sql", "inbox.sql")
INBOX_DAYS = 30
"""Longer than the retention of any topic and dead-letter topic."""


async def first_time(conn: AsyncConnection[Any], consumer: str, event_id: str) -> bool:
    """Record an event in the transaction of its effect; False when this consumer has seen it before.

    A concurrent delivery of the same event waits for the first one's transaction to end.
    """
    return await execute(conn, INBOX["insert_inbox"], {"consumer": consumer, "event_id": event_id}) == 1


async def forget_old_events(conn: AsyncConnection[Any]) -> int:
    """Delete inbox rows older than any record that can still be delivered; return how many."""
    return await execute(conn, INBOX["delete_old_inbox"], {"days": INBOX_DAYS})
