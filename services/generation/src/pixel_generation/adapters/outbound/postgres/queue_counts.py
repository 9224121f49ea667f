"""Counts queued jobs."""

from __future__ import annotations

from pixel_postgres import Pool, fetch_one, load_queries

QUEUES = load_queries("pixel_generation.sql", "queue_counts.sql")


class PostgresQueueCounts:
    """Counts on the index of queued jobs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self, queue: str) -> tuple[int, int]:
        async with self._pool.autocommit() as connection:
            row = await fetch_one(connection, QUEUES["count_waiting"], {"queue": queue})
        return (0, 1) if row is None else (row["queued"], row["max_queued"])
