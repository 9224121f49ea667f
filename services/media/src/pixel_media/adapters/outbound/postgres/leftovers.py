"""Abandoned uploads in PostgreSQL."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pixel_postgres import execute, fetch_all, leading, load_queries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_postgres import Pool

LEFTOVERS = load_queries("pixel_media.sql", "leftovers.sql")


class PostgresLeftovers:
    """Records of abandoned uploads, for the sweep."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[bool]:
        async with self._pool.autocommit() as conn, leading(conn, "pixel_media.sweep") as leads:
            yield leads

    async def give_up_stale(self, *, begun_before: datetime, limit: int) -> Sequence[UUID]:
        return await self._ids("give_up_stale", {"begun_before": begun_before, "limit": limit})

    async def give_up_unknown(self, asset_ids: Sequence[UUID], *, at: datetime) -> Sequence[UUID]:
        return await self._ids("give_up_unknown", {"ids": list(asset_ids), "at": at})

    async def forget(self, asset_ids: Sequence[UUID]) -> None:
        async with self._pool.autocommit() as conn:
            await execute(conn, LEFTOVERS["forget_given_up"], {"ids": list(asset_ids)})

    async def _ids(self, query: str, params: Mapping[str, Any]) -> Sequence[UUID]:
        async with self._pool.autocommit() as conn:
            return [row["id"] for row in await fetch_all(conn, LEFTOVERS[query], params)]
