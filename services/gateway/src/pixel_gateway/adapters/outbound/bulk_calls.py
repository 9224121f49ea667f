"""Counted bulk calls in PostgreSQL: exact however many gateways count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, fetch_one, load_queries
from pixel_runtime.ids import parse_id

if TYPE_CHECKING:
    from datetime import date

BULK_CALLS = load_queries("pixel_gateway.sql", "bulk_calls.sql")


class PostgresBulkCalls:
    """How many bulk calls each user made."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self, user_id: str, day: date, most: int) -> bool:
        """Count one call of a UTC day; return False, and count nothing, when the user has made the most."""
        facts = {"account_id": parse_id("usr", user_id), "day": day, "most": most}
        async with self._pool.autocommit() as conn:
            return await fetch_one(conn, BULK_CALLS["count_bulk_call"], facts) is not None
