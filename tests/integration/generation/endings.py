"""Jobs run to every final state, with their settlement, as the engine writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.application.ports import Writer
from pixel_generation.application.submission.ports import NewGeneration, Verdict
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Failure, Job
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id

from tests.fakes.generation_outputs import image_output
from tests.integration.generation.submitter import Submitter

SENT = CallRecord(Outcome.SENT, provider_request_id="req_1", cost_usd_micros=40_000)
FREE = CallRecord(Outcome.SENT, cost_usd_micros=0)
SENT_AT_UNKNOWN_COST = CallRecord(Outcome.SENT, provider_request_id="req_2")
NEVER_SENT = CallRecord(Outcome.NOT_SENT, failure_code="provider_unavailable")


@dataclass
class Endings:
    """Runs jobs one by one; the queue has one of them at a time, so a claim returns the one just submitted."""

    submitter: Submitter

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        self.jobs = PostgresJobs(self.submitter.pool, self.clock, KINDS, MESSAGES)

    async def queued(self, user: UUID, *, images: int = 2, **changes: Any) -> Job:
        item = self.submitter.new(user, images=images, **changes)
        assert (await self.submitter.submit_one(item)).verdict is Verdict.ACCEPTED
        return item.job

    async def claimed(self, user: UUID, *, images: int = 2, **changes: Any) -> Job:
        job = await self.queued(user, images=images, **changes)
        return await self.claim(job)

    async def claim(self, job: Job) -> Job:
        deadline = self.clock.now() + timedelta(seconds=300)
        (run,) = await self.jobs.claim(job.queue, 1, worker="w1", lease_s=60, deadline_at=deadline)
        assert run.id == job.id
        return run

    async def write(
        self, before: Job, after: Job, call: CallRecord | None = None, *, writer: Writer = Writer.WORKER
    ) -> Job:
        assert await self.jobs.write(before, after, writer=writer, call=call)
        return after

    async def uploading(self, user: UUID, *, images: int = 2, delivered: int = 2, **changes: Any) -> Job:
        job = await self.claimed(user, images=images, **changes)
        job = await self.write(job, job.calling(), SENT_AT_UNKNOWN_COST)
        for index in range(delivered):
            image = image_output(new_id(), index, 1024, 1024, "image/png", 1_000, seed=7 + index)
            job = await self.write(job, job.delivered(image), SENT)
        return job

    async def deliver_all(self, job: Job) -> Job:
        """Complete a run that called its provider with all requested images."""
        for index in range(job.work.units):
            output = image_output(new_id(), index, 1024, 1024, "image/png", 1_000, seed=7 + index)
            job = await self.write(job, job.delivered(output), FREE)
        return await self.write(job, job.completed(at=self.clock.now()), FREE)

    async def completed(
        self, user: UUID, *, images: int = 2, delivered: int = 2, call: CallRecord = SENT, **changes: Any
    ) -> Job:
        job = await self.uploading(user, images=images, delivered=delivered, **changes)
        return await self.write(job, job.completed(at=self.clock.now()), call)

    async def failed(
        self, user: UUID, *, code: str = "provider_rejected", call: CallRecord = SENT_AT_UNKNOWN_COST, **changes: Any
    ) -> Job:
        job = await self.claimed(user, **changes)
        job = await self.write(job, job.calling(), SENT_AT_UNKNOWN_COST)
        failure = Failure(code, "The provider refused it.", retryable=True)
        return await self.write(job, job.failed(failure, at=self.clock.now()), call)

    async def expired(self, user: UUID) -> Job:
        job = await self.queued(user)
        failure = Failure("expired", "It waited too long.", retryable=True)
        return await self.write(job, job.failed(failure, at=self.clock.now()), writer=Writer.TIMEOUT)

    async def cancelled_in_queue(self, user: UUID) -> Job:
        return await self.cancel(await self.queued(user))

    async def cancel(self, job: Job) -> Job:
        return await self.write(job, job.cancelled(at=self.clock.now()), writer=Writer.OWNER)

    async def cancelled_in_run(self, user: UUID, *, delivered: int) -> Job:
        job = await self.uploading(user, images=3, delivered=delivered)
        job = await self.write(job, job.cancelling(at=self.clock.now()), writer=Writer.OWNER)
        return await self.write(job, job.cancelled(at=self.clock.now()), SENT)

    async def retried(self, job: Job) -> Job:
        now = self.clock.now()
        again = job.retried(at=now, deadline_at=now + timedelta(hours=1))
        decision = await self.submitter.submit_one(NewGeneration(again, retried_at=now))
        assert decision.verdict is Verdict.ACCEPTED
        return again

    async def failed_then_completed(self, user: UUID) -> Job:
        job = await self.claim(await self.retried(await self.failed(user, images=1)))
        job = await self.write(job, job.calling(), SENT_AT_UNKNOWN_COST)
        image = image_output(new_id(), 0, 1024, 1024, "image/png", 1_000, seed=7)
        job = await self.write(job, job.delivered(image), SENT)
        return await self.write(job, job.completed(at=self.clock.now()), SENT)

    async def lost_then_completed(self, user: UUID) -> Job:
        """Completed in its second run; the first was lost with its worker before the call."""
        job = await self.claimed(user, images=1)
        job = await self.write(job, job.requeued(scheduled_at=self.clock.now(), counts_as_retry=False), NEVER_SENT)
        job = await self.claim(job)
        job = await self.write(job, job.calling(), SENT_AT_UNKNOWN_COST)
        image = image_output(new_id(), 0, 1024, 1024, "image/png", 1_000, seed=7)
        job = await self.write(job, job.delivered(image), SENT)
        return await self.write(job, job.completed(at=self.clock.now()), SENT)

    async def of_every_kind(self, user: UUID) -> dict[str, Job]:
        """Return one job for every path to a final state."""
        return {
            "completed": await self.completed(user),
            "completed_in_part": await self.completed(user, images=3, delivered=1),
            "completed_for_nothing": await self.completed(user, call=FREE),
            "failed": await self.failed(user),
            "failed_unsent": await self.failed(user, call=NEVER_SENT),
            "expired": await self.expired(user),
            "cancelled_in_queue": await self.cancelled_in_queue(user),
            "cancelled_free": await self.cancelled_in_run(user, delivered=0),
            "cancelled_in_part": await self.cancelled_in_run(user, delivered=2),
            "failed_then_completed": await self.failed_then_completed(user),
            "lost_then_completed": await self.lost_then_completed(user),
        }
