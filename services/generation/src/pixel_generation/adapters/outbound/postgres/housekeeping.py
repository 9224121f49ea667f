"""Maintenance statements in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel_events import append_outbox
from pixel_postgres import Pool, execute, fetch_all, load_queries

from pixel_generation.adapters.outbound.postgres.decoding import decode_each
from pixel_generation.adapters.outbound.postgres.rows import job_of

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_runtime.clock import Clock

    from pixel_generation.adapters.work.messages import WorkMessages
    from pixel_generation.domain.work.work import Kinds


DUTIES = load_queries("pixel_generation.sql", "duties.sql")
SUBMISSIONS = load_queries("pixel_generation.sql", "submissions.sql")
ARCHIVE = load_queries("pixel_generation.sql", "archive.sql")

RESERVATIONS_KEPT = timedelta(days=62)
"""The longest period of a budget is a month; this is longer than any period an open job may still settle in."""


class PostgresHousekeeping:
    """Maintenance of the tables that changes no job."""

    def __init__(self, pool: Pool, clock: Clock, kinds: Kinds, messages: WorkMessages) -> None:
        self._pool = pool
        self._kinds = kinds
        self._messages = messages
        self._clock = clock

    async def signal_queues(self) -> int:
        now = self._clock.now()
        async with self._pool.transaction() as conn:
            jobs = decode_each(
                await fetch_all(conn, DUTIES["list_overlooked_jobs"]), partial(job_of, kinds=self._kinds)
            ).rows
            await append_outbox(conn, [self._messages.requested(job, now) for job in jobs])
        return len(jobs)

    async def purge(self, *, before: datetime, limit: int) -> int:
        over = {"before": self._clock.now() - RESERVATIONS_KEPT, "limit": limit}
        async with self._pool.autocommit() as conn:
            keys = await execute(conn, SUBMISSIONS["purge_submissions"], {"before": before, "limit": limit})
            return keys + await execute(conn, ARCHIVE["purge_reservations"], over)

    async def archive(self, *, before: datetime, limit: int) -> int:
        async with self._pool.autocommit() as conn:
            return await execute(conn, ARCHIVE["archive_jobs"], {"before": before, "limit": limit})

    async def queue_depths(self) -> dict[str, int]:
        async with self._pool.autocommit() as conn:
            return {row["queue"]: row["waiting"] for row in await fetch_all(conn, DUTIES["count_queued_jobs"])}
