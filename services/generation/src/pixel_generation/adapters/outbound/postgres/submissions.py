"""Submissions in PostgreSQL: one batch is one statement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pixel_events.outbox import outbox_parameters
from pixel_postgres import Pool, fetch_all, load_queries
from pixel_runtime.ids import new_id
from psycopg.types.json import Jsonb

from pixel_generation.adapters.outbound.outbox_events import status_changed
from pixel_generation.adapters.outbound.postgres.rows import adjustments_value, work_value
from pixel_generation.application.submission.ports import Decision, NewGeneration, Verdict
from pixel_generation.domain.jobs.job import HoldReason
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from pixel_generation.adapters.work.messages import WorkMessages

SUBMISSIONS = load_queries("pixel_generation.sql", "submissions.sql")

NO_ID = UUID(int=0)
NO_TIME = datetime.max.replace(tzinfo=UTC)
NO_COST = -1
"""Sentinels for absent values; the statement reads them as null."""


class PostgresSubmissions:
    """Decides and writes batches."""

    def __init__(self, pool: Pool, messages: WorkMessages) -> None:
        self._pool = pool
        self._messages = messages

    async def decide(self, batch: Sequence[NewGeneration]) -> list[Decision]:
        async with self._pool.autocommit() as conn:
            return await _decide(conn, batch, self._messages)

    async def dry_run(self, item: NewGeneration) -> Decision:
        """Run the same statement and roll it back, so that a quote cannot disagree with the submission after it."""
        async with self._pool.autocommit() as conn, conn.transaction(force_rollback=True):
            return (await _decide(conn, [item], self._messages))[0]


async def _decide(
    conn: AsyncConnection[DictRow], batch: Sequence[NewGeneration], messages: WorkMessages
) -> list[Decision]:
    columns = _item_columns(batch) | _event_columns(batch, messages)
    rows = await fetch_all(conn, SUBMISSIONS["submit_generations"], columns)
    return [
        Decision(
            verdict=Verdict(row["verdict"]),
            job_id=row["job_id"],
            available=row["available"],
            limit=row["limit_amount"] or 0,
            scope=row["scope"],
            period=row["period"],
            hold_reason=HoldReason(row["hold_reason"]),
            plan=row["plan"],
        )
        for row in rows
    ]


def _item_columns(batch: Sequence[NewGeneration]) -> dict[str, list[Any]]:
    jobs = [item.job for item in batch]
    return {
        "job_ids": [job.id for job in jobs],
        "rounds": [job.round for job in jobs],
        "sequences": [job.sequence for job in jobs],
        "set_ids": [job.set_id for job in jobs],
        "user_ids": [job.user_id for job in jobs],
        "kinds": [job.kind for job in jobs],
        "queues": [job.queue for job in jobs],
        "works": [work_value(job.work) for job in jobs],
        "units": [job.work.units for job in jobs],
        "first_steps": [job.work.step(Stage.STARTING, 0) for job in jobs],
        "costs": [job.cost_credits for job in jobs],
        "costs_usd_micros": [NO_COST if item.cost_usd_micros is None else item.cost_usd_micros for item in batch],
        "price_ids": [job.price_id for job in jobs],
        "priorities": [job.priority.value for job in jobs],
        "max_retries": [job.max_retries for job in jobs],
        "created_at": [job.created_at for job in jobs],
        "submitted_at": [_submitted_at(item) for item in batch],
        "scheduled_at": [job.scheduled_at for job in jobs],
        "deadlines": [job.deadline_at for job in jobs],
        "cancel_at": [job.cancel_at or NO_TIME for job in jobs],
        "start_after": [job.start_after or NO_TIME for job in jobs],
        "start_before": [job.start_before or NO_TIME for job in jobs],
        "api_key_ids": [job.api_key_id or NO_ID for job in jobs],
        "end_users": [job.end_user for job in jobs],
        "metadata": [Jsonb(dict(job.metadata)) for job in jobs],
        "chosen_routes": [Jsonb(dict(job.route)) for job in jobs],
        "adjustments": [adjustments_value(job.adjustments) for job in jobs],
        "messages": [job.current_step for job in jobs],
        "traces": [Jsonb(dict(job.trace)) for job in jobs],
        "routes": [item.route for item in batch],
        "keys_": [item.idempotency_key for item in batch],
        "fingerprints": [item.fingerprint for item in batch],
        "transfer_ids": [new_id() for _ in batch],
        "queues_are_full": [item.queue_is_full for item in batch],
    }


def _submitted_at(item: NewGeneration) -> datetime:
    return item.retried_at or item.job.created_at


def _event_columns(batch: Sequence[NewGeneration], messages: WorkMessages) -> dict[str, Any]:
    """Return the two outbox rows of every item; the statement adds the trace of their submission as headers."""
    requests = outbox_parameters([messages.requested(item.job, _submitted_at(item)) for item in batch])
    statuses = outbox_parameters([status_changed(item.job, _submitted_at(item)) for item in batch])
    return {
        "event_keys": requests["keys"],
        "request_topics": requests["topics"],
        "request_types": requests["types"],
        "request_ids": requests["event_ids"],
        "requests": requests["values"],
        "status_topic": statuses["topics"][0],
        "status_type": statuses["types"][0],
        "status_ids": statuses["event_ids"],
        "statuses": statuses["values"],
    }
