"""The generation service's store in memory."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pixel_errors import Unavailable
from pixel_generation.application.maintenance.ports import Reconciling
from pixel_generation.application.ports import Writer
from pixel_generation.application.reading.page import Page
from pixel_generation.application.reading.ports import GenerationFilter, PositionedJob, UserEvents
from pixel_generation.application.submission.ports import Decision, NewGeneration, Verdict
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.jobs.attempt import CallRecord, attempt_outcome, attempt_state
from pixel_generation.domain.jobs.job import Job, Status, StoredEvent
from pixel_generation.domain.jobs.step import Step
from pixel_generation.domain.queueing.position import Position
from pixel_generation.domain.work.stage import Stage

from tests.fakes.generation_rows import AttemptRow, Row


class FakeClock:
    """A clock that is constant until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class FakeRandomness:
    """Seeded random numbers; ids grow."""

    def __init__(self) -> None:
        self._random = random.Random(7)
        self._count = 0

    def new_id(self) -> UUID:
        self._count += 1
        return UUID(int=(7 << 76) | (2 << 62) | self._count)

    def seed(self) -> int:
        return self._random.randrange(2**31)

    def fraction(self) -> float:
        return self._random.random()


class FakeStore:
    """Submissions, jobs, ledger, queries and housekeeping over dictionaries, with the rules of the real store."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.rows: dict[UUID, Row] = {}
        self.balances: dict[UUID, Balance] = {}
        self.entries: list[tuple[str, UUID, str, int]] = []
        self.keys: dict[tuple[UUID, str, str], tuple[bytes, UUID]] = {}
        self.grants: set[tuple[UUID, str]] = set()
        self.shares: dict[tuple[str, UUID], float] = {}
        self.virtual_time: dict[str, float] = {}
        self.attempts: dict[tuple[UUID, int], AttemptRow] = {}
        self.log: list[tuple[UUID, UUID, StoredEvent]] = []
        """Events of all users in commit order."""
        self.archived: set[UUID] = set()
        self.steps_of: dict[tuple[UUID, int, str], Step] = {}
        self.queue_states: dict[str, QueueState] = {}
        self.signalled: list[str] = []
        self.lost_answers = 0
        self.ends_answered = asyncio.Event()
        self.ends_answered.set()
        """This many writes succeed, but their result is lost."""
        self.slow = 0
        """This many writes time out without an effect."""
        self.away = False
        """Writes fail."""
        self.max_open_jobs = 10_000
        self.refused = 0

    async def submit(self, item: NewGeneration) -> Decision:
        return (await self.decide([item]))[0]

    async def decide(self, batch: Sequence[NewGeneration]) -> list[Decision]:
        before = {user: balance.available for user, balance in self.balances.items()}
        spent: dict[UUID, int] = {}
        seen: set[tuple[UUID, str, str]] = set()
        return [self._decide(item, before, spent, seen) for item in batch]

    async def dry_run(self, item: NewGeneration) -> Decision:
        aside = FakeStore(self.clock)
        aside.balances, aside.keys = dict(self.balances), dict(self.keys)
        return await aside.submit(item)

    def _decide(
        self,
        item: NewGeneration,
        before: dict[UUID, int],
        spent: dict[UUID, int],
        seen: set[tuple[UUID, str, str]],
    ) -> Decision:
        job, key = item.job, (item.job.user_id, item.route, item.idempotency_key)
        available = before.get(job.user_id, 0)
        if item.idempotency_key:
            if key in seen:
                return Decision(Verdict.AGAIN, job.id, available)
            seen.add(key)
            if key in self.keys:
                fingerprint, known = self.keys[key]
                same = fingerprint == item.fingerprint
                return Decision(Verdict.REPLAYED if same else Verdict.KEY_REUSED, known, available)
        if job.round > 1 and (job.id in self.archived or self.rows[job.id].job.sequence != job.sequence - 1):
            return Decision(Verdict.ARCHIVED if job.id in self.archived else Verdict.MOVED, job.id, available)
        refused = self._refused(item, available)
        if refused is not None:
            return Decision(refused, job.id, available, limit=self.max_open_jobs)
        spent[job.user_id] = spent.get(job.user_id, 0) + job.cost_credits
        if spent[job.user_id] > available:
            return Decision(Verdict.AGAIN, job.id, available)
        self._accept(item)
        return Decision(Verdict.ACCEPTED, job.id, available)

    def _refused(self, item: NewGeneration, available: int) -> Verdict | None:
        jobs = [row.job for row in self.rows.values() if row.job.user_id == item.job.user_id]
        rejections = {
            Verdict.QUEUE_FULL: item.queue_is_full,
            Verdict.TOO_MANY_OPEN_JOBS: sum(not job.status.is_final for job in jobs) >= self.max_open_jobs,
            Verdict.INSUFFICIENT: item.job.cost_credits > available,
        }
        return next((verdict for verdict, holds in rejections.items() if holds), None)

    def _accept(self, item: NewGeneration) -> None:
        job = item.job
        if item.idempotency_key:
            self.keys[job.user_id, item.route, item.idempotency_key] = (item.fingerprint, job.id)
        share = (job.queue, job.user_id)
        start = max(self.virtual_time.get(job.queue, 0.0), self.shares.get(share, 0.0))
        self.shares[share] = start + job.work.units
        if job.round == 1:
            self.rows[job.id] = Row(job, job.priority, start)
        else:
            row = self.rows[job.id]
            row.job, row.virtual_start = job, start
        self._transfer("hold", job.user_id, "user_available", "user_held", job.cost_credits)
        self._store_event(job)

    async def claim(self, queue: str, limit: int, *, worker: str, lease_s: float, deadline_at: datetime) -> list[Job]:
        now = self.clock.now()
        runnable = [
            row
            for row in self.rows.values()
            if row.job.queue == queue and row.job.status is Status.QUEUED and row.job.scheduled_at <= now
        ]
        runnable.sort(key=lambda row: (row.priority, row.virtual_start, row.job.id))
        for row in runnable[:limit]:
            row.job = row.job.claimed(at=now, deadline_at=deadline_at)
            row.lease_until = now + timedelta(seconds=lease_s)
            self.attempts[row.job.id, row.job.attempt] = AttemptRow(worker)
            self.virtual_time[queue] = max(self.virtual_time.get(queue, 0.0), row.virtual_start)
            self._store_event(row.job)
        return [row.job for row in runnable[:limit]]

    async def write(
        self, before: Job, after: Job, *, writer: Writer, call: CallRecord | None = None, step: Step | None = None
    ) -> bool:
        if self.slow:
            self.slow -= 1
            raise TimeoutError
        if self.away:
            self.refused += 1
            raise Unavailable("the store is away")
        row = self.rows[before.id]
        same = (row.job.status, row.job.attempt, row.job.sequence) == (before.status, before.attempt, before.sequence)
        live = row.lease_until is not None and row.lease_until > self.clock.now()
        allowed = writer in {Writer.TIMEOUT, Writer.OWNER} or (
            row.lease_until is not None and live is (writer is Writer.WORKER)
        )
        if not (same and allowed):
            return False
        record = call or CallRecord()
        attempt = self.attempts.get((before.id, before.attempt))
        if attempt and before.status is Status.PROCESSING and (writer is not Writer.OWNER or after.status.is_final):
            attempt.state = attempt_state(before, after, record)
            attempt.outcome = attempt_outcome(attempt.state, record) or attempt.outcome
        if step is not None and not self._step(after, step.key).is_finished:
            self.steps_of[after.id, after.round, step.key] = step
        row.job = after
        if after.status is not Status.PROCESSING:
            row.lease_until = None
        if after.status.is_final:
            captured = after.captured_credits or 0
            self._transfer("capture", after.user_id, "user_held", "platform_revenue", captured)
            self._transfer("release", after.user_id, "user_held", "user_available", after.cost_credits - captured)
        self._store_event(after)
        if after.status.is_final:
            await self.ends_answered.wait()
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("the answer was lost")
        return True

    def _step(self, job: Job, key: str) -> Step:
        return self.steps_of.get((job.id, job.round, key), Step(key, is_finished=False))

    async def steps(self, job: Job) -> dict[str, Step]:
        return {
            key: step for (job_id, count, key), step in self.steps_of.items() if (job_id, count) == (job.id, job.round)
        }

    async def renew(self, runs: Sequence[tuple[UUID, int]], *, lease_s: float) -> dict[UUID, Stage]:
        now = self.clock.now()
        held = {}
        for job_id, attempt in runs:
            row = self.rows[job_id]
            if row.job.attempt == attempt and row.lease_until is not None and row.lease_until > now:
                row.lease_until = now + timedelta(seconds=lease_s)
                held[job_id] = row.job.stage
        return held

    async def find_job(self, job_id: UUID) -> Job | None:
        return self.rows[job_id].job if job_id in self.rows else None

    async def overdue(self, limit: int) -> list[Job]:
        now = self.clock.now()
        jobs = [row.job for row in self.rows.values() if not row.job.status.is_final and row.job.deadline_at <= now]
        return jobs[:limit]

    async def abandoned(self, limit: int) -> list[Job]:
        now = self.clock.now()
        rows = [row for row in self.rows.values() if row.lease_until is not None and row.lease_until <= now]
        return [row.job for row in rows if row.job.stage is not Stage.RECONCILING][:limit]

    async def reconciling(self, limit: int) -> list[Reconciling]:
        jobs = [row.job for row in self.rows.values() if row.job.stage is Stage.RECONCILING]
        return [Reconciling(job, "") for job in jobs[:limit]]

    async def find_owned(self, job_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, Job]:
        rows = [self.rows[job_id] for job_id in job_ids if job_id in self.rows]
        return {row.job.id: row.job for row in rows if row.job.user_id == user_id}

    async def unserved(self, limit: int, *, queues: Collection[str], models: Collection[str]) -> list[Job]:
        queued = [row.job for row in self.rows.values() if row.job.status is Status.QUEUED]
        return [job for job in queued if job.queue not in queues and job.work.model not in models][:limit]

    async def grant(self, user_id: UUID, credit_count: int, *, grant_id: str, reason: str) -> tuple[bool, int]:
        granted = (user_id, grant_id) not in self.grants
        if granted:
            self.grants.add((user_id, grant_id))
            self._transfer("grant", user_id, "promotions", "user_available", credit_count)
        return granted, (await self.balance(user_id)).available

    async def balance(self, user_id: UUID) -> Balance:
        return self.balances.get(user_id, Balance(0, 0))

    async def find(self, ids: list[UUID], user_id: UUID) -> dict[UUID, PositionedJob]:
        rows = [self.rows[job_id] for job_id in ids if job_id in self.rows]
        return {row.job.id: self._positioned(row) for row in rows if row.job.user_id == user_id}

    async def page(self, which: GenerationFilter, *, before: UUID, limit: int) -> Page[PositionedJob, UUID]:
        rows = sorted(self.rows.values(), key=lambda row: row.job.id, reverse=True)
        found = [row for row in rows if row.job.id < before and self._fits(row.job, which)]
        return Page(
            [self._positioned(row) for row in found[:limit]], found[limit - 1].job.id if len(found) > limit else None
        )

    async def user_events(self, user_id: UUID, *, after: Position, limit: int) -> UserEvents:
        placed = [
            (Position(xid, job_id, event.sequence), event)
            for xid, (owner, job_id, event) in enumerate(self.log, 1)
            if owner == user_id
        ]
        horizon = Position(len(self.log) + 1)
        known = after.xid <= horizon.xid and (not after.sequence or after in {position for position, _ in placed})
        return UserEvents([item for item in placed if item[0] > after][:limit], horizon, known)

    def _positioned(self, row: Row) -> PositionedJob:
        return PositionedJob(row.job, self._ahead(row), self.queue_states.get(row.job.queue, QueueState.OPEN))

    def _fits(self, job: Job, which: GenerationFilter) -> bool:
        return (
            job.user_id == which.user_id
            and which.status in {None, job.status}
            and (not which.idempotency_key or (job.user_id, which.idempotency_key, job.id) in self._keyed())
            and which.model in {"", job.work.model}
            and which.kind in {None, job.kind}
            and (which.created_after is None or job.created_at >= which.created_after)
            and (which.created_before is None or job.created_at < which.created_before)
            and (not which.failure_code or (job.failure is not None and job.failure.code == which.failure_code))
        )

    def _keyed(self) -> list[tuple[UUID, str, UUID]]:
        return [(user_id, key, job_id) for (user_id, _, key), (_, job_id) in self.keys.items()]

    async def events(self, job_id: UUID, user_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        row = self.rows.get(job_id)
        if row is None or row.job.user_id != user_id:
            return []
        return [event for event in row.events if event.sequence > after][:limit]

    async def signal_queues(self) -> int:
        late = self.clock.now() - timedelta(seconds=2)
        queues = {
            row.job.queue
            for row in self.rows.values()
            if row.job.status is Status.QUEUED and row.job.scheduled_at <= late
        }
        self.signalled += sorted(queues)
        return len(queues)

    async def purge(self, *, before: datetime, limit: int) -> int:
        old = [key for key, (_, job_id) in self.keys.items() if self.rows[job_id].job.created_at < before][:limit]
        for key in old:
            del self.keys[key]
        return len(old)

    async def archive(self, *, before: datetime, limit: int) -> int:
        ended = [job for job_id, row in self.rows.items() if (job := row.job).ended_at and job_id not in self.archived]
        old = [job.id for job in ended if job.ended_at is not None and job.ended_at < before][:limit]
        self.archived.update(old)
        return len(old)

    async def queue_depths(self) -> dict[str, int]:
        queued = [row.job.queue for row in self.rows.values() if row.job.status is Status.QUEUED]
        return {queue: queued.count(queue) for queue in ("sketch", "openai")}

    def _ahead(self, row: Row) -> int:
        if row.job.status is not Status.QUEUED:
            return 0
        place = (row.priority, row.virtual_start, row.job.id)
        return sum(
            (other.priority, other.virtual_start, other.job.id) < place
            for other in self.rows.values()
            if other.job.status is Status.QUEUED and other.job.queue == row.job.queue
        )

    def _transfer(self, kind: str, user_id: UUID, source: str, target: str, credits_moved: int) -> None:
        if credits_moved == 0:
            return
        self.entries += [(kind, user_id, source, -credits_moved), (kind, user_id, target, credits_moved)]
        balance = self.balances.get(user_id, Balance(0, 0))
        for account, change in ((source, -credits_moved), (target, credits_moved)):
            if account == "user_available":
                balance = replace(balance, available=balance.available + change)
            elif account == "user_held":
                balance = replace(balance, held=balance.held + change)
        assert balance.available >= 0
        assert balance.held >= 0
        self.balances[user_id] = balance

    def _store_event(self, job: Job) -> None:
        event = StoredEvent(
            job.sequence,
            job.status,
            job.stage,
            job.progress,
            job.current_step,
            job.failure,
            job.set_id,
            self.clock.now(),
        )
        self.rows[job.id].events.append(event)
        self.log.append((job.user_id, job.id, event))


def a_user() -> UUID:
    return uuid.uuid4()
