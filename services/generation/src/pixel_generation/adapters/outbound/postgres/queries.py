"""Reads in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, fetch_all, fetch_one, load_queries

from pixel_generation.adapters.outbound.postgres.rows import failure_of, job_of
from pixel_generation.domain.credits import Balance
from pixel_generation.domain.estimate import LaneMeasure
from pixel_generation.domain.job import Job, Stage, Status, StoredEvent

if TYPE_CHECKING:
    from uuid import UUID

GENERATIONS = load_queries("pixel_generation.sql", "generations.sql")
EVENTS = load_queries("pixel_generation.sql", "events.sql")
LEDGER = load_queries("pixel_generation.sql", "ledger.sql")


class PostgresQueries:
    """What users may know."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, ids: list[UUID], user_id: UUID) -> dict[UUID, tuple[Job, int]]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, GENERATIONS["get_generations"], {"ids": ids, "user_id": user_id})
        return {row["id"]: (job_of(row), row["ahead"]) for row in rows}

    async def page(
        self, user_id: UUID, *, before: UUID | None, status: Status | None, limit: int, key: str = ""
    ) -> list[tuple[Job, int]]:
        parameters = {"user_id": user_id, "before": before, "status": status, "limit": limit, "key": key}
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, GENERATIONS["list_generations"], parameters)
        return [(job_of(row), row["ahead"]) for row in rows]

    async def events(self, job_id: UUID, user_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        parameters = {"id": job_id, "user_id": user_id, "after": after, "limit": limit}
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, EVENTS["list_events"], parameters)
        return [
            StoredEvent(
                sequence=row["sequence"],
                status=Status(row["status"]),
                stage=Stage(row["stage"]),
                progress=row["progress"],
                message=row["message"],
                failure=failure_of(row["failure"]),
                set_id=row["set_id"],
                created_at=row["created_at"],
            )
            for row in rows
        ]

    async def balance(self, user_id: UUID) -> Balance:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, LEDGER["get_balance"], {"user_id": user_id})
        return Balance(0, 0) if row is None else Balance(row["available"], row["held"])

    async def measure(self, lane: str) -> LaneMeasure:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, GENERATIONS["measure_lane"], {"lane": lane})
        assert row is not None
        return LaneMeasure(row["queued"], row["running"], tuple(row["durations_s"]))
