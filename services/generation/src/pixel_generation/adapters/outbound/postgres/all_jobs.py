"""Jobs of both tables in PostgreSQL: live and archived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, fetch_all, fetch_one, load_queries

from pixel_generation.adapters.outbound.postgres.rows import job_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.work.work import Kinds

ARCHIVE = load_queries("pixel_generation.sql", "archive.sql")


class PostgresAllJobs:
    """Reads both tables in one statement, so a job being moved is seen exactly once."""

    def __init__(self, pool: Pool, kinds: Kinds) -> None:
        self._pool = pool
        self._kinds = kinds

    async def find(self, job_id: UUID) -> Job | None:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, ARCHIVE["find_job_anywhere"], {"id": job_id})
        return None if row is None else job_of(row, self._kinds)

    async def find_owned(self, job_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, Job]:
        parameters = {"ids": list(job_ids), "user_id": user_id}
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, ARCHIVE["find_owned_jobs_anywhere"], parameters)
        return {row["id"]: job_of(row, self._kinds) for row in rows}

    async def after(self, job_id: UUID, limit: int) -> list[UUID]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, ARCHIVE["list_job_ids"], {"after": job_id, "limit": limit})
        return [row["id"] for row in rows]
