"""The job side of the store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pixel_generation.application.ports import Writer
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.jobs.step import Step
from pixel_generation.domain.work.stage import Stage

from tests.fakes.generation import FakeStore


class FakeJobs:
    """The jobs port of the store, whose `find` has one id."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def claim(self, queue: str, limit: int, *, worker: str, lease_s: float, deadline_at: datetime) -> list[Job]:
        return await self._store.claim(queue, limit, worker=worker, lease_s=lease_s, deadline_at=deadline_at)

    async def write(
        self, before: Job, after: Job, *, writer: Writer, call: CallRecord | None = None, step: Step | None = None
    ) -> bool:
        return await self._store.write(before, after, writer=writer, call=call, step=step)

    async def steps(self, job: Job) -> dict[str, Step]:
        return await self._store.steps(job)

    async def renew(self, runs: Sequence[tuple[UUID, int]], *, lease_s: float) -> dict[UUID, Stage]:
        return await self._store.renew(runs, lease_s=lease_s)

    async def find(self, job_id: UUID) -> Job | None:
        return await self._store.find_job(job_id)
