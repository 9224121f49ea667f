"""The job table in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_events.outbox import outbox_parameters
from pixel_postgres import Pool, execute, fetch_all, fetch_one, load_queries
from pixel_runtime.ids import format_id, new_id
from psycopg.types.json import Jsonb

from pixel_generation.adapters.outbound.announcements import announcements, status_changed
from pixel_generation.adapters.outbound.postgres.rows import change_parameters, job_of, recorded_event_of, spec_value
from pixel_generation.application.engine_ports import Reconciling
from pixel_generation.domain.attempt import CallRecord, attempt_outcome, attempt_state
from pixel_generation.domain.job import Stage, Status
from pixel_generation.domain.replay import facts_of_claim

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_runtime.clock import Clock

    from pixel_generation.application.ports import Holder
    from pixel_generation.domain.job import Job
    from pixel_generation.domain.replay import RecordedEvent

CHANGES = load_queries("pixel_generation.sql", "changes.sql")
JOBS = load_queries("pixel_generation.sql", "jobs.sql")
EVENTS = load_queries("pixel_generation.sql", "events.sql")


class PostgresJobs:
    """Claims, fenced changes, leases."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def claim(self, lane: str, limit: int, *, worker: str, lease_s: float, deadline_at: datetime) -> list[Job]:
        parameters = {"lane": lane, "limit": limit, "worker": worker, "lease_s": lease_s, "deadline_at": deadline_at}
        async with self._pool.transaction() as conn:
            # A statement of its own: the claim's must begin, and see what runs, after the wait for this lock.
            await execute(conn, JOBS["lock_limited_lane"], {"lane": lane})
            jobs = [job_of(row) for row in await fetch_all(conn, JOBS["claim_jobs"], parameters)]
            if jobs:
                await execute(conn, EVENTS["record_events"], self._events_of(jobs))
        return jobs

    async def write(self, before: Job, after: Job, *, holder: Holder, call: CallRecord | None = None) -> bool:
        record = call or CallRecord()
        state = attempt_state(before, after, record)
        parameters = change_parameters(before, after, announcements(after, self._clock.now())) | {
            "holder": holder.value,
            "attempt_state": state.value,
            "outcome": attempt_outcome(state, record),
            "provider_request_id": record.provider_request_id,
            "cost_usd_micros": record.cost_usd_micros,
            "failure_code": after.failure.code if after.failure else record.failure_code,
            "action_id": new_id(),
            "actor": format_id("usr", after.user_id),
        }
        if after.status.is_final:
            query = CHANGES["end_job"]
            parameters |= _settlement(after)
        elif after.status is Status.QUEUED:
            query = CHANGES["requeue_job"]
            parameters |= _place_in_queue(after)
        else:
            query = CHANGES["advance_job"]
        async with self._pool.autocommit() as conn:
            return await fetch_one(conn, query, parameters) is not None

    async def renew(self, runs: Sequence[tuple[UUID, int]], *, lease_s: float) -> dict[UUID, Stage]:
        parameters = {
            "ids": [job_id for job_id, _ in runs],
            "attempts": [attempt for _, attempt in runs],
            "lease_s": lease_s,
        }
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, JOBS["renew_leases"], parameters)
        return {row["id"]: Stage(row["stage"]) for row in rows}

    async def find(self, job_id: UUID) -> Job | None:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, JOBS["find_job"], {"id": job_id})
        return None if row is None else job_of(row)

    async def find_owned(self, job_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, Job]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, JOBS["find_owned_jobs"], {"ids": list(job_ids), "user_id": user_id})
        return {row["id"]: job_of(row) for row in rows}

    async def reconciling(self, limit: int) -> list[Reconciling]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, JOBS["list_reconciling_jobs"], {"limit": limit})
        return [Reconciling(job_of(row), row["provider_request_id"]) for row in rows]

    async def history(self, job_id: UUID) -> list[RecordedEvent]:
        async with self._pool.autocommit() as conn:
            return [recorded_event_of(row) for row in await fetch_all(conn, EVENTS["list_facts"], {"id": job_id})]

    async def overdue(self, limit: int) -> list[Job]:
        return await self._list("list_overdue_jobs", limit)

    async def abandoned(self, limit: int) -> list[Job]:
        return await self._list("list_abandoned_jobs", limit)

    async def _list(self, query: str, limit: int) -> list[Job]:
        async with self._pool.autocommit() as conn:
            return [job_of(row) for row in await fetch_all(conn, JOBS[query], {"limit": limit})]

    def _events_of(self, jobs: Sequence[Job]) -> dict[str, list[Any]]:
        now = self._clock.now()
        return outbox_parameters([status_changed(job, now) for job in jobs]) | {
            "job_ids": [job.id for job in jobs],
            "sequences": [job.sequence for job in jobs],
            "statuses": [job.status.value for job in jobs],
            "stages": [job.stage.value for job in jobs],
            "progresses": [job.progress for job in jobs],
            "messages": [job.message for job in jobs],
            "user_ids": [job.user_id for job in jobs],
            "facts": [Jsonb(facts_of_claim(job)) for job in jobs],
        }


def _settlement(job: Job) -> dict[str, Any]:
    return {
        "captured": job.captured_credits,
        "ended_at": job.ended_at,
        "capture_id": new_id(),
        "release_id": new_id(),
        "cost_id": new_id(),
    }


def _place_in_queue(job: Job) -> dict[str, Any]:
    return {
        "retry_count": job.retry_count,
        "scheduled_at": job.scheduled_at,
        "spec": spec_value(job.spec),
        "lane": job.lane,
        "route": Jsonb(dict(job.route)),
        "price_id": job.price_id,
    }
