"""Queues, failures, statistics and actions in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pixel_postgres import Pool, execute, fetch_all, fetch_one, load_queries
from pixel_runtime.ids import new_id
from psycopg.types.json import Jsonb

from pixel_generation.adapters.outbound.postgres.attempt_rows import attempts_of
from pixel_generation.adapters.outbound.postgres.decoding import decode_each
from pixel_generation.application.operations.ports import Action, QueueChange
from pixel_generation.application.reading.page import Page
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.jobs.failures import FailedWork, FailureFilter
from pixel_generation.domain.jobs.job import Failure, Status
from pixel_generation.domain.jobs.statistics import StatsRow
from pixel_generation.domain.queueing.queues import QueueOverview, QueueStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_generation.domain.work.work import Kinds

OPERATIONS = load_queries("pixel_generation.sql", "operations.sql")
STATISTICS = load_queries("pixel_generation.sql", "statistics.sql")

WINDOW = 10_000
"""Failures scanned for a filtered page; the rest is for the next page."""
MOST_COUNTED = 200_000
WORKER_SILENCE_S = 15.0
"""A worker without a heartbeat for this long is not counted: three heartbeats."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)


class PostgresQueues:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def status(self) -> QueueOverview:
        async with self._pool.autocommit() as conn:
            queues = await fetch_all(conn, OPERATIONS["list_queues"], _queues_named(""))
            latest = await fetch_one(conn, OPERATIONS["measure_latest_jobs"])
        assert latest is not None
        return QueueOverview(tuple(map(_queue_of, queues)), latest["average_wait_s"], latest["median_run_s"])

    async def update(self, change: QueueChange) -> QueueStatus | None:
        parameters = {
            "action_id": new_id(),
            "actor": change.actor,
            "queue": change.queue,
            "state": change.state or "",
            "max_running": change.max_running,
            "max_queued": change.max_queued,
            "reason": change.reason,
        }
        async with self._pool.autocommit() as conn:
            if not await execute(conn, OPERATIONS["update_queue"], parameters):
                return None
            row = await fetch_one(conn, OPERATIONS["list_queues"], _queues_named(change.queue))
        return _queue_of(row) if row else None


class PostgresFailures:
    def __init__(self, pool: Pool, kinds: Kinds, *, window: int = WINDOW) -> None:
        self._pool = pool
        self._kinds = kinds
        self._window = window

    async def page(
        self, which: FailureFilter, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> Page[FailedWork, tuple[datetime, UUID]]:
        async with self._pool.autocommit() as conn:
            if which.job_id:
                one = await fetch_one(conn, OPERATIONS["get_failure"], {"job_id": which.job_id})
                return Page(
                    [work for work in (_failure_of(one, self._kinds),) if which.matches(work)] if one else [], None
                )
            # The position to continue before: the end time of a filter sorts before every id of that moment.
            before_at, before_id = before or (which.ended_before or END, UUID(int=2**128 - 1))
            parameters = _words_of(which) | {
                "before_at": before_at,
                "before_id": before_id,
                "window": max(self._window, limit + 1),
                "limit": limit + 1,
            }
            rows = await fetch_all(conn, OPERATIONS["list_failures"], parameters)
            found = decode_each(rows[:limit], partial(_failure_of, kinds=self._kinds)).rows
            if len(rows) > limit:
                return Page(found, (rows[limit - 1]["ended_at"], rows[limit - 1]["id"]))
            end = await fetch_one(conn, OPERATIONS["find_end_of_failure_window"], parameters)
        return Page(found, (end["ended_at"], end["id"]) if end else None)

    async def count_by_code(self, which: FailureFilter) -> dict[str, int]:
        parameters = _words_of(which) | {"ended_before": which.ended_before or END, "window": self._window}
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, OPERATIONS["count_failures_by_code"], parameters)
        return {row["code"]: row["failures"] for row in rows}


class PostgresStatistics:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rows(self, user_id: UUID | None, *, first: date, last: date) -> list[StatsRow]:
        name = "list_stats_of_user" if user_id else "list_stats"
        parameters = {"user_id": user_id, "first_day": first, "last_day": last}
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, STATISTICS[name], parameters)
        return [
            StatsRow(
                day=row["day"],
                model=row["model"],
                kind=row["kind"],
                status=Status(row["status"]),
                jobs=row["jobs"],
                outputs=row["outputs"],
                run_seconds=row["run_seconds"],
                credits=row["credits"],
                retries=row["retries"],
            )
            for row in rows
        ]

    async def provider_costs(self, *, first: date, last: date) -> dict[str, int]:
        start = datetime.combine(first, time(), UTC)
        parameters = {"start": start, "end": datetime.combine(last, time(), UTC) + timedelta(days=1)}
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, STATISTICS["sum_provider_costs"], parameters)
        return {row["provider"]: row["cost_usd_micros"] for row in rows}


class PostgresActions:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def record(self, action: Action) -> None:
        parameters = {
            "id": action.id,
            "actor": action.actor,
            "action": action.action,
            "user_id": action.user_id,
            "job_id": action.job_id,
            "metadata": Jsonb(dict(action.metadata)),
        }
        async with self._pool.autocommit() as conn:
            await execute(conn, OPERATIONS["record_action"], parameters)

    async def page(self, *, user_id: UUID | None, job_id: UUID | None, before: UUID, limit: int) -> Page[Action, UUID]:
        parameters = {"user_id": user_id, "job_id": job_id, "before": before, "limit": limit + 1}
        names = ("list_actions_about_user", "list_actions")
        name = "list_actions_about_job" if job_id else names[user_id is None]
        async with self._pool.autocommit() as conn:
            found = [Action(**row) for row in await fetch_all(conn, OPERATIONS[name], parameters)]
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def _queues_named(queue: str) -> dict[str, Any]:
    return {"queue": queue, "most": MOST_COUNTED, "silence_s": WORKER_SILENCE_S}


def _queue_of(row: Mapping[str, Any]) -> QueueStatus:
    return QueueStatus(**{**row, "state": QueueState(row["state"])})


def _failure_of(row: Mapping[str, Any], kinds: Kinds) -> FailedWork:
    work = kinds.read(row["kind"], row["work"])
    return FailedWork(
        job_id=row["id"],
        user_id=row["user_id"],
        kind=work.kind,
        model=work.model,
        failure=Failure(**row["failure"]),
        attempts=attempts_of(row["attempts"]),
        redacted_payload=work.redacted(),
        ended_at=row["ended_at"],
        released_credits=row["cost_credits"],
    )


def _words_of(which: FailureFilter) -> dict[str, Any]:
    return {
        "failure_code": which.failure_code,
        "model": which.model,
        "user_id": which.user_id,
        "kind": which.kind,
        "job_id": which.job_id,
        "ended_after": which.ended_after or BEGINNING,
    }
