"""Jobs that a duty could not process, in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors.backoff import backoff_s
from pixel_postgres import Pool, execute, fetch_all, fetch_one, load_queries

from pixel_generation.domain.jobs.failures import SetAsideJob

if TYPE_CHECKING:
    from uuid import UUID

SET_ASIDE = load_queries("pixel_generation.sql", "set_aside.sql")

FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 600.0


class PostgresSetAside:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, job_id: UUID, duty: str, reason: str) -> None:
        named = {"job_id": job_id, "duty": duty}
        async with self._pool.transaction() as conn:
            row = await fetch_one(conn, SET_ASIDE["set_job_aside"], named | {"reason": reason.replace("\0", "")})
            assert row is not None
            pause_s = backoff_s(row["failures"], first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
            await execute(conn, SET_ASIDE["rest_set_aside_job"], named | {"pause_s": pause_s})

    async def forget(self) -> int:
        async with self._pool.autocommit() as conn:
            return await execute(conn, SET_ASIDE["forget_set_aside_jobs"])

    async def latest(self, limit: int) -> list[SetAsideJob]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, SET_ASIDE["list_set_aside_jobs"], {"limit": limit})
        return [SetAsideJob(**row) for row in rows]
