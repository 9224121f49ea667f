"""Gates of waiting jobs in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pixel_postgres import Pool, execute, fetch_all, load_queries

if TYPE_CHECKING:
    from collections.abc import Mapping

GATES = load_queries("pixel_generation.sql", "gates.sql")


class PostgresGates:
    """Opens gates and raises classes; every statement passes over what somebody else holds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open_due(self, limit: int) -> int:
        return await self._open("open_due_gates", {"limit": limit})

    async def open_missed(self) -> int:
        # Drawn anew each time, so that every user is reached however many come before.
        return await self._open("open_missed_gates", {"after": uuid4()})

    async def age(self, limit: int) -> int:
        async with self._pool.autocommit() as conn:
            return await execute(conn, GATES["age_waiting_jobs"], {"limit": limit})

    async def _open(self, query: str, parameters: Mapping[str, Any]) -> int:
        async with self._pool.autocommit() as conn:
            return sum(row["opened"] for row in await fetch_all(conn, GATES[query], parameters))
