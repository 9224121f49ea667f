"""The job table in PostgreSQL."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pixel_postgres import Pool, fetch_all, fetch_one, load_queries
from pixel_runtime.ids import format_id, new_id

from pixel_generation.adapters.outbound.outbox_events import outbox_events, status_changed
from pixel_generation.adapters.outbound.postgres.decoding import decode_each
from pixel_generation.adapters.outbound.postgres.group_commit import GroupCommit, write_changes
from pixel_generation.adapters.outbound.postgres.rows import (
    change_value,
    job_of,
    recorded_event_of,
    step_of,
    step_value,
    time_value,
)
from pixel_generation.domain.errors import BudgetExhausted, PriceUnknown
from pixel_generation.domain.jobs.attempt import CallRecord, attempt_outcome, attempt_state
from pixel_generation.domain.jobs.job import Status
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_runtime.clock import Clock

    from pixel_generation.adapters.work.messages import WorkMessages
    from pixel_generation.application.ports import Writer
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.jobs.replay import RecordedEvent
    from pixel_generation.domain.jobs.step import Step
    from pixel_generation.domain.work.work import Kinds

CHANGES = load_queries("pixel_generation.sql", "changes.sql")
JOBS = load_queries("pixel_generation.sql", "jobs.sql")
EVENTS = load_queries("pixel_generation.sql", "events.sql")
BUDGETS = load_queries("pixel_generation.sql", "budgets.sql")


class PostgresJobs:
    """Claims, fenced changes, leases."""

    def __init__(self, pool: Pool, clock: Clock, kinds: Kinds, messages: WorkMessages) -> None:
        self._pool = pool
        self._clock = clock
        self._kinds = kinds
        self._messages = messages
        self._advances = GroupCommit(pool, CHANGES["advance_jobs"])
        self._requeues = GroupCommit(pool, CHANGES["requeue_jobs"])
        self._ends = GroupCommit(pool, CHANGES["end_jobs"])

    async def close(self) -> None:
        """Write queued changes."""
        for changes in (self._advances, self._requeues, self._ends):
            await changes.close()

    async def claim(self, queue: str, limit: int, *, worker: str, lease_s: float, deadline_at: datetime) -> list[Job]:
        parameters = {
            "queue": queue,
            "kinds": list(self._kinds.names),
            "limit": limit,
            "worker": worker,
            "lease_s": lease_s,
            "deadline_at": deadline_at,
        }
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, JOBS["claim_jobs"], parameters | {"is_locked": False})
        if not rows:
            rows = await self._claim_under_limits(parameters)
        # A job that cannot be read is claimed all the same: it is rescued, and set aside, when its lease is over.
        return decode_each(rows, partial(job_of, kinds=self._kinds)).rows

    async def _claim_under_limits(self, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._pool.transaction() as conn:
            # A separate statement: the claim's snapshot must begin after the wait for this lock.
            if await fetch_one(conn, JOBS["lock_limited_queue"], {"queue": parameters["queue"]}) is None:
                return []
            return await fetch_all(conn, JOBS["claim_jobs"], parameters | {"is_locked": True})

    async def write(
        self, before: Job, after: Job, *, writer: Writer, call: CallRecord | None = None, step: Step | None = None
    ) -> bool:
        record = call or CallRecord()
        state = attempt_state(before, after, record)
        now = self._clock.now()
        events = outbox_events(after, now, self._messages)
        if before.stage is Stage.STARTING:
            # A claim stores its event; the next change of the job writes the outbox event.
            events.insert(0, status_changed(before, now))
        change = change_value(before, after, events) | {
            "writer": writer.value,
            "attempt_state": state.value,
            "outcome": attempt_outcome(state, record),
            "provider_request_id": record.provider_request_id,
            "cost_usd_micros": record.cost_usd_micros,
            "failure_code": after.failure.code if after.failure else record.failure_code,
            "durable_step": step and step_value(step),
            "action_id": new_id().hex,
            "actor": format_id("usr", after.user_id),
        }
        if after.status.is_final:
            return await self._ends.write(after.id, change | _settlement(after))
        if after.status is not Status.QUEUED:
            return await self._advances.write(after.id, change)
        change |= _queue_values(after)
        if after.stage is Stage.ROUTING:
            return await self._reroute(after, change)
        return await self._requeues.write(after.id, change)

    async def _reroute(self, after: Job, change: dict[str, Any]) -> bool:
        """Queue the job for another provider if the budgets there have enough left."""
        cost = {"job_id": after.id, "cost_usd_micros": after.route.get("cost_usd_micros")}
        async with self._pool.transaction() as conn:
            if not await write_changes(conn, CHANGES["requeue_jobs"], [change]):
                return False
            refused = await fetch_one(conn, BUDGETS["move_reservations"], cost)
            if refused is None:
                return True
            if refused["is_unpriced"]:
                raise PriceUnknown(metadata={"model": after.work.model})
            raise BudgetExhausted(metadata={"scope": refused["scope"], "period": refused["period"]})

    async def steps(self, job: Job) -> dict[str, Step]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, JOBS["list_steps"], {"job_id": job.id, "round": job.round})
        return {row["step"]: step_of(row) for row in rows}

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
        return None if row is None else job_of(row, self._kinds)

    async def history(self, job_id: UUID) -> list[RecordedEvent]:
        async with self._pool.autocommit() as conn:
            return [recorded_event_of(row) for row in await fetch_all(conn, EVENTS["list_facts"], {"id": job_id})]


def _settlement(job: Job) -> dict[str, Any]:
    return {
        "captured": job.captured_credits,
        "ended_at": time_value(job.ended_at),
        "capture_id": new_id().hex,
        "release_id": new_id().hex,
        "cost_id": new_id().hex,
    }


def _queue_values(job: Job) -> dict[str, Any]:
    return {
        "retry_count": job.retry_count,
        "scheduled_at": job.scheduled_at.isoformat(),
        "work": job.work.as_dict(),
        "first_step": job.work.step(Stage.STARTING, 0),
        "queue": job.queue,
        "route": dict(job.route),
        "price_id": job.price_id,
    }
