"""How many jobs wait in a lane."""

from __future__ import annotations

from pixel_postgres import Pool, fetch_one, load_queries

LANES = load_queries("pixel_generation.sql", "lane_counts.sql")


class PostgresLaneCounts:
    """Counts on the index of what waits."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self, lane: str) -> tuple[int, int]:
        async with self._pool.autocommit() as connection:
            row = await fetch_one(connection, LANES["count_waiting"], {"lane": lane})
        return (0, 1) if row is None else (row["queued"], row["max_queued"])
