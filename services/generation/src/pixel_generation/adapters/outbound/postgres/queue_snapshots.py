"""Snapshots of the queue in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, fetch_one, load_queries

from pixel_generation.domain.queueing.queue_snapshot import FinishedRun, QueueSnapshot, Share

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ESTIMATES = load_queries("pixel_generation.sql", "estimates.sql")
MOST_JOBS = 2_000


class PostgresQueueSnapshots:
    """One index range scan per read."""

    def __init__(self, pool: Pool, *, most_jobs: int = MOST_JOBS) -> None:
        self._pool = pool
        self._most_jobs = most_jobs

    async def snapshot(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, ESTIMATES["read_queue_snapshot"], {"queue": queue, "limit": self._most_jobs})
        if row is None:
            return QueueSnapshot(0.0, [], {}, 0, slots, (), typical_s)
        waiting = list(zip(row["priorities"], row["tags"], strict=True))
        return QueueSnapshot(
            virtual_time=row["virtual_time"],
            waiting=waiting,
            shares=_shares(row),
            running=row["running"],
            slots=max(slots, row["running"], 1),
            runs=[FinishedRun(*run) for run in zip(row["run_seconds"], row["run_units"], strict=True)],
            typical_s=typical_s,
            is_cut=len(waiting) == self._most_jobs,
        )


def _shares(row: Mapping[str, Any]) -> dict[Any, Share]:
    shares = zip(row["user_ids"], row["finishes"], row["weights"], strict=True)
    return {user_id: Share(finish, weight) for user_id, finish, weight in shares}
