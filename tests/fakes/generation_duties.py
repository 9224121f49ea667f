"""The ports of duties, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from pixel_errors.backoff import backoff_s
from pixel_generation.application.maintenance.ports import BrokenRow, Found, Reconciling
from pixel_generation.domain.jobs.failures import SetAsideJob
from pixel_generation.domain.jobs.job import Job

from tests.fakes.generation import FakeClock, FakeStore


class FakeDueJobs:
    """The rows of the store; those of `broken` cannot be read."""

    def __init__(self, store: FakeStore, broken: Collection[UUID] = ()) -> None:
        self._store = store
        self._broken = broken

    async def abandoned(self, limit: int) -> Found[Job]:
        return self._found(await self._store.abandoned(limit))

    async def overdue(self, limit: int) -> Found[Job]:
        return self._found(await self._store.overdue(limit))

    async def reconciling(self, limit: int) -> Found[Reconciling]:
        return Found(await self._store.reconciling(limit))

    async def unserved(self, limit: int, *, queues: Collection[str], models: Collection[str]) -> Found[Job]:
        return self._found(await self._store.unserved(limit, queues=queues, models=models))

    def _found(self, jobs: list[Job]) -> Found[Job]:
        broken = tuple(BrokenRow(job.id, "ValueError: nonsense") for job in jobs if job.id in self._broken)
        return Found([job for job in jobs if job.id not in self._broken], broken)


class FakeSetAside:
    """Jobs set aside, by job and duty."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self._clock = clock or FakeClock()
        self._jobs: dict[tuple[UUID, str], SetAsideJob] = {}

    @property
    def jobs(self) -> list[tuple[UUID, str, str]]:
        return [(job.job_id, job.duty, job.reason) for job in self._jobs.values()]

    async def add(self, job_id: UUID, duty: str, reason: str) -> None:
        now, before = self._clock.now(), self._jobs.get((job_id, duty))
        failures = before.failures + 1 if before else 1
        pause = timedelta(seconds=backoff_s(failures, first_s=10.0, longest_s=600.0))
        first_at = before.first_at if before else now
        self._jobs[job_id, duty] = SetAsideJob(job_id, duty, reason, failures, first_at, now, now + pause)

    async def forget(self) -> int:
        done = [key for key, job in self._jobs.items() if job.look_again_at <= self._clock.now() - timedelta(minutes=1)]
        for key in done:
            del self._jobs[key]
        return len(done)

    async def latest(self, limit: int) -> list[SetAsideJob]:
        late = self._clock.now() - timedelta(minutes=1)
        open_ones = [job for job in self._jobs.values() if job.look_again_at > late]
        return sorted(open_ones, key=lambda job: job.last_at, reverse=True)[:limit]


@dataclass
class FakeDutyObserver:
    """Records metrics."""

    successes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    asides: Counter[str] = field(default_factory=Counter)

    def done(self, duty: str, seconds: float) -> None:
        assert seconds >= 0
        self.successes[duty] += 1

    def failed(self, duty: str) -> None:
        self.failures[duty] += 1

    def set_aside(self, duty: str) -> None:
        self.asides[duty] += 1


@dataclass
class FakeLeadership:
    leads: bool = True

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[bool]:
        yield self.leads
