"""Submissions in PostgreSQL: a whole batch in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_events.outbox import OutboxEvent, outbox_parameters
from pixel_postgres import Pool, fetch_all, load_queries
from pixel_runtime.ids import new_id
from psycopg.types.json import Jsonb

from pixel_generation.adapters.outbound.announcements import status_changed, wake_up
from pixel_generation.adapters.outbound.postgres.rows import spec_value
from pixel_generation.application.ports import Decision, NewGeneration, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

SUBMISSIONS = load_queries("pixel_generation.sql", "submissions.sql")


class PostgresSubmissions:
    """Decides and writes batches."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def submit(self, batch: Sequence[NewGeneration]) -> list[Decision]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(
                conn, SUBMISSIONS["submit_generations"], _item_columns(batch) | _event_columns(batch)
            )
        return [Decision(Verdict(row["verdict"]), row["job_id"], row["available"]) for row in rows]


def _item_columns(batch: Sequence[NewGeneration]) -> dict[str, list[Any]]:
    jobs = [item.job for item in batch]
    return {
        "job_ids": [job.id for job in jobs],
        "set_ids": [job.set_id for job in jobs],
        "user_ids": [job.user_id for job in jobs],
        "lanes": [job.lane for job in jobs],
        "specs": [spec_value(job.spec) for job in jobs],
        "image_counts": [job.spec.number_of_images for job in jobs],
        "costs": [job.cost_credits for job in jobs],
        "priorities": [item.priority for item in batch],
        "max_retries": [job.max_retries for job in jobs],
        "created_at": [job.created_at for job in jobs],
        "deadlines": [job.deadline_at for job in jobs],
        "messages": [job.message for job in jobs],
        "traces": [Jsonb(dict(job.trace)) for job in jobs],
        "routes": [item.route for item in batch],
        "keys_": [item.idempotency_key for item in batch],
        "fingerprints": [item.fingerprint for item in batch],
        "transfer_ids": [new_id() for _ in batch],
    }


def _event_columns(batch: Sequence[NewGeneration]) -> dict[str, list[Any]]:
    """Return the outbox rows of every item; the statement gives each the trace of its own submission as headers."""
    events: list[OutboxEvent] = []
    owners: list[UUID] = []
    for item in batch:
        told = (wake_up(item.job, item.job.created_at), status_changed(item.job, item.job.created_at))
        events += told
        owners += [item.job.id] * len(told)
    return outbox_parameters(events) | {"event_job_ids": owners}
