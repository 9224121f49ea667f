"""The engine is the same for every kind of work: claim, lease, fence, cancellation, settlement and retry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pixel_generation.adapters.outbound.postgres.due_jobs import PostgresDueJobs
from pixel_generation.application.ports import Writer
from pixel_generation.application.submission.ports import NewGeneration, Verdict
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.cancellation import CancelOutcome, outcome_of_cancel
from pixel_generation.domain.jobs.job import Failure, Job, Status
from pixel_generation.domain.providers.images import Outcome

from tests.integration.generation.real_engine import RealEngine, open_engine
from tests.parts import MakeDatabase

FAILURE = Failure("provider_rejected", "No.", retryable=False)
SENT = CallRecord(Outcome.SENT, "req_1", 11)

pytestmark = pytest.mark.parametrize("kind", ["image", "video"])


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[RealEngine]:
    async with open_engine(make_database) as engine:
        yield engine
        await engine.assert_consistent()
        await engine.assert_replayable()


async def claimed(engine: RealEngine, kind: str) -> Job:
    await engine.submit(await engine.user(), kind=kind)
    (job,) = await engine.claim()
    assert (job.kind, job.status, job.attempt) == (kind, Status.PROCESSING, 1)
    return job


async def money(engine: RealEngine, job: Job) -> tuple[int, int]:
    """Credits available and held of the job's user."""
    account = await engine.account(job.user_id)
    return account["available"], account["held"]


async def test_delivered_units_are_captured_and_counted_by_job_type(engine: RealEngine, kind: str) -> None:
    done = await engine.complete(await claimed(engine, kind), SENT)
    assert (done.status, await money(engine, done)) == (Status.COMPLETED, (998, 0))
    stats = await engine.row("SELECT kind AS kind, status, jobs, credits FROM job_statistics")
    assert tuple(stats.values()) == (kind, "completed", 1, 2)


async def test_a_worker_that_lost_its_lease_writes_nothing(engine: RealEngine, kind: str) -> None:
    job = await claimed(engine, kind)
    assert set(await engine.jobs.renew([(job.id, job.attempt)], lease_s=15)) == {job.id}
    await engine.admin.execute("UPDATE live_jobs SET lease_until = now() - interval '1 second'")
    assert await engine.jobs.renew([(job.id, job.attempt)], lease_s=15) == {}
    assert not await engine.jobs.write(job, job.calling(), writer=Writer.WORKER)
    (found,) = (await PostgresDueJobs(engine.pool).abandoned(10)).rows
    await engine.write(found, found.requeued(scheduled_at=datetime.now(UTC), counts_as_retry=False), Writer.RECLAIMER)
    (again,) = await engine.claim()
    assert (again.id, again.attempt) == (job.id, 2)
    await engine.complete(again)


async def test_a_queued_job_is_cancelled_for_free(engine: RealEngine, kind: str) -> None:
    (job,) = await engine.submit(await engine.user(), kind=kind)
    job = await engine.write(job, job.cancelled(at=datetime.now(UTC)), Writer.OWNER)
    assert (outcome_of_cancel(job), await money(engine, job)) == (CancelOutcome.FREE, (1_000, 0))
    assert await engine.claim() == []


async def test_a_running_job_is_cancelled_through_its_worker_and_charged_for_what_was_delivered(
    engine: RealEngine, kind: str
) -> None:
    running = await engine.deliver(await claimed(engine, kind), 1, SENT)
    told = await engine.write(running, running.cancelling(at=datetime.now(UTC)), Writer.OWNER)
    assert not await engine.jobs.write(running, running.completed(at=datetime.now(UTC)), writer=Writer.WORKER)
    ended = await engine.write(told, told.cancelled(at=datetime.now(UTC)), call=SENT)
    assert (outcome_of_cancel(ended), await money(engine, ended)) == (CancelOutcome.PARTIAL, (999, 0))


async def test_a_failed_job_is_not_charged_and_can_be_retried(engine: RealEngine, kind: str) -> None:
    job = await claimed(engine, kind)
    failed = await engine.write(job, job.failed(FAILURE, at=datetime.now(UTC)))
    assert await money(engine, failed) == (1_000, 0)
    now = datetime.now(UTC)
    again = failed.retried(at=now, deadline_at=now + timedelta(hours=1))
    (decision,) = await engine.submissions.decide([NewGeneration(again, cost_usd_micros=0, retried_at=now)])
    assert decision.verdict is Verdict.ACCEPTED
    (second,) = await engine.claim()
    assert (second.id, second.round, second.kind) == (job.id, 2, kind)
    done = await engine.complete(second)
    assert await money(engine, done) == (998, 0)
