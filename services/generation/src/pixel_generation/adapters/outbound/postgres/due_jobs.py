"""Jobs that duties have to change, in PostgreSQL."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pixel_postgres import Pool, fetch_all, load_queries

from pixel_generation.adapters.outbound.postgres.decoding import decode_each
from pixel_generation.adapters.outbound.postgres.rows import job_of
from pixel_generation.application.maintenance.ports import Found, Reconciling

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.work.work import Kinds

DUTIES = load_queries("pixel_generation.sql", "duties.sql")


class PostgresDueJobs:
    """Each list leaves out what its duty has set aside."""

    def __init__(self, pool: Pool, kinds: Kinds) -> None:
        self._pool = pool
        self._job_of = partial(job_of, kinds=kinds)

    async def abandoned(self, limit: int) -> Found[Job]:
        return decode_each(await self._rows("list_abandoned_jobs", limit=limit), self._job_of)

    async def overdue(self, limit: int) -> Found[Job]:
        return decode_each(await self._rows("list_overdue_jobs", limit=limit), self._job_of)

    async def reconciling(self, limit: int) -> Found[Reconciling]:
        return decode_each(await self._rows("list_reconciling_jobs", limit=limit), self._reconciling_of)

    async def unserved(self, limit: int, *, queues: Collection[str], models: Collection[str]) -> Found[Job]:
        rows = await self._rows("list_unserved_jobs", limit=limit, queues=list(queues), models=list(models))
        return decode_each(rows, self._job_of)

    async def _rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        async with self._pool.autocommit() as conn:
            return await fetch_all(conn, DUTIES[query], parameters)

    def _reconciling_of(self, row: Mapping[str, Any]) -> Reconciling:
        return Reconciling(self._job_of(row), row["provider_request_id"])
