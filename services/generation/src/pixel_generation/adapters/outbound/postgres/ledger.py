"""The ledger in PostgreSQL; holds and settlements are written with their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, fetch_one, load_queries
from pixel_runtime.ids import new_id

if TYPE_CHECKING:
    from uuid import UUID

LEDGER = load_queries("pixel_generation.sql", "ledger.sql")


class PostgresLedger:
    """Grants."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def grant(self, user_id: UUID, credits_given: int, *, grant_id: str, reason: str) -> tuple[bool, int]:
        parameters = {
            "transfer_id": new_id(),
            "user_id": user_id,
            "credits": credits_given,
            "grant_id": grant_id,
            "memo": reason,
        }
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, LEDGER["grant_credits"], parameters)
        assert row is not None
        return row["granted"], row["available"]
