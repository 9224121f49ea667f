"""Worker heartbeats in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, execute, load_queries

if TYPE_CHECKING:
    from collections.abc import Collection

WORKERS = load_queries("pixel_generation.sql", "workers.sql")


class PostgresWorkers:
    """The table of worker processes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def seen(self, worker_id: str, *, queues: Collection[str], slots: int) -> None:
        async with self._pool.autocommit() as conn:
            parameters = {"id": worker_id, "queues": sorted(queues), "slots": slots}
            await execute(conn, WORKERS["see_worker"], parameters)

    async def left(self, worker_id: str) -> None:
        async with self._pool.autocommit() as conn:
            await execute(conn, WORKERS["forget_worker"], {"id": worker_id})
