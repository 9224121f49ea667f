"""Holds of queued jobs in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pixel_postgres import Pool, execute, fetch_all, load_queries

if TYPE_CHECKING:
    from collections.abc import Mapping

QUEUE_HOLDS = load_queries("pixel_generation.sql", "queue_holds.sql")


class PostgresQueueHolds:
    """Ends holds and raises priority classes; every statement skips locked rows."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def end_due(self, limit: int) -> int:
        return await self._open("end_due_holds", {"limit": limit})

    async def end_missed(self) -> int:
        # Random each time, so that every user is reached.
        return await self._open("end_missed_holds", {"after": uuid4()})

    async def age(self, limit: int) -> int:
        async with self._pool.autocommit() as conn:
            return await execute(conn, QUEUE_HOLDS["age_waiting_jobs"], {"limit": limit})

    async def _open(self, query: str, parameters: Mapping[str, Any]) -> int:
        async with self._pool.autocommit() as conn:
            return sum(row["opened"] for row in await fetch_all(conn, QUEUE_HOLDS[query], parameters))
