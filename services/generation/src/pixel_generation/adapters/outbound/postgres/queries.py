"""Reads in PostgreSQL."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pixel_postgres import Pool, fetch_all, fetch_one, load_queries

from pixel_generation.adapters.outbound.postgres.decoding import decode_each
from pixel_generation.adapters.outbound.postgres.id_ranges import LOWEST, highest_id_at, lowest_id_at
from pixel_generation.adapters.outbound.postgres.rows import failure_of, job_of
from pixel_generation.application.reading.page import Page
from pixel_generation.application.reading.ports import GenerationFilter, PositionedJob, UserEvents
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.jobs.job import Status, StoredEvent
from pixel_generation.domain.queueing.position import Position
from pixel_generation.domain.queueing.queues import PositionReason
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from pixel_generation.domain.work.work import Kinds

GENERATIONS = load_queries("pixel_generation.sql", "generations.sql")
LEDGER = load_queries("pixel_generation.sql", "ledger.sql")

WINDOW = 10_000
"""Rows scanned for a filtered page; the rest is for the next page."""


class PostgresQueries:
    """The reads of users."""

    def __init__(self, pool: Pool, kinds: Kinds, *, window: int = WINDOW) -> None:
        self._pool = pool
        self._kinds = kinds
        self._window = window

    async def find(self, ids: list[UUID], user_id: UUID) -> dict[UUID, PositionedJob]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, GENERATIONS["get_generations"], {"ids": ids, "user_id": user_id})
        return {row["id"]: _positioned_job(row, self._kinds) for row in rows}

    async def page(self, which: GenerationFilter, *, before: UUID, limit: int) -> Page[PositionedJob, UUID]:
        parameters: dict[str, Any] = {
            "user_id": which.user_id,
            "before": min(before, highest_id_at(which.created_before)) if which.created_before else before,
            "first_id": lowest_id_at(which.created_after) if which.created_after else LOWEST,
            "status": which.status,
            "model": which.model,
            "kind": which.kind,
            "failure_code": which.failure_code,
            "created_after": which.created_after,
            "created_before": which.created_before,
            "key": which.idempotency_key,
            "window": max(self._window, limit + 1),
            "limit": limit + 1,
        }
        name = "list_generations_of_key" if which.idempotency_key else "list_generations"
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, GENERATIONS[name], parameters)
            found = decode_each(rows[:limit], partial(_positioned_job, kinds=self._kinds)).rows
            if len(rows) > limit:
                return Page(found, rows[limit - 1]["id"])
            if which.idempotency_key or not which.leaves_some_out:
                return Page(found, None)
            end = await fetch_one(conn, GENERATIONS["find_end_of_generation_window"], parameters)
        return Page(found, end and end["id"])

    async def events(self, job_id: UUID, user_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        parameters = {"id": job_id, "user_id": user_id, "after": after, "limit": limit}
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, GENERATIONS["list_events"], parameters)
        return [_event_of(row) for row in rows]

    async def user_events(self, user_id: UUID, *, after: Position, limit: int) -> UserEvents:
        parameters = {
            "user_id": user_id,
            "xid": str(after.xid),
            "job_id": after.job_id,
            "sequence": after.sequence,
            "limit": limit,
        }
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, GENERATIONS["list_user_events"], parameters)
        return UserEvents(
            [
                (Position(int(row["xid"]), row["job_id"], row["sequence"]), _event_of(row))
                for row in rows
                if row["xid"] is not None
            ],
            horizon=Position(int(rows[0]["horizon"])),
            known=rows[0]["known"],
        )

    async def balance(self, user_id: UUID) -> Balance:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, LEDGER["get_balance"], {"user_id": user_id})
        return Balance(0, 0) if row is None else Balance(row["available"], row["held"])


def _positioned_job(row: Mapping[str, Any], kinds: Kinds) -> PositionedJob:
    reason = row["position_reason"]
    return PositionedJob(
        job_of(row, kinds), row["ahead"], QueueState(row["queue_state"]), PositionReason(reason) if reason else None
    )


def _event_of(row: Mapping[str, Any]) -> StoredEvent:
    return StoredEvent(
        sequence=row["sequence"],
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        progress=row["progress"],
        current_step=row["message"],
        failure=failure_of(row["failure"]),
        set_id=row["set_id"],
        created_at=row["created_at"],
    )
