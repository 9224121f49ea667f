"""Counts of bulk calls in PostgreSQL, exact over all gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, fetch_one, load_queries
from pixel_runtime.ids import parse_id

if TYPE_CHECKING:
    from datetime import date

BULK_CALLS = load_queries("pixel_gateway.sql", "bulk_calls.sql")


class PostgresBulkCalls:
    """Counts of bulk calls by user."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self, user_id: str, day: date, most: int) -> bool:
        """Count one call of a UTC day; return False and count nothing at the limit."""
        facts = {"account_id": parse_id("usr", user_id), "day": day, "most": most}
        async with self._pool.autocommit() as conn:
            return await fetch_one(conn, BULK_CALLS["count_bulk_call"], facts) is not None
