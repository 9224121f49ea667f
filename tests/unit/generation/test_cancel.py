"""Cancelling generations: response, run and settlement."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from pixel_errors import Invalid
from pixel_generation.application.execution.worker import WorkLimits
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.errors import GenerationNotFound
from pixel_generation.domain.jobs.attempt import AttemptState
from pixel_generation.domain.jobs.cancellation import CancelOutcome
from pixel_generation.domain.jobs.job import Status
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.providers.text_to_image import ImageRequest
from pixel_generation.domain.work.stage import Stage

from tests.conftest import WaitUntil
from tests.fakes.generation import a_user
from tests.unit.generation.conftest import Engine
from tests.unit.generation.test_work import FAST, FLARE, working

FREE, PARTIAL, TOO_LATE, PENDING = CancelOutcome


def hang(_request: ImageRequest) -> object:
    return asyncio.Event().wait()


async def test_a_queued_job_is_cancelled_at_once_and_for_free(engine: Engine) -> None:
    user = await engine.user(10)
    job_id = await engine.accepted(user)
    assert await engine.cancel(user, job_id) == [FREE]
    assert (engine.job(job_id).status, engine.store.balances[user]) == (Status.CANCELLED, Balance(10, 0))
    assert engine.engine_observer.cancels == ["free"]


async def test_cancelling_twice_gives_the_same_answer_and_changes_nothing(engine: Engine) -> None:
    user = await engine.user(10)
    job_id = await engine.accepted(user)
    await engine.cancel(user, job_id)
    job = engine.job(job_id)
    assert await engine.cancel(user, job_id, job_id) == [FREE, FREE]
    assert engine.job(job_id) == job


async def test_cancelling_a_running_job_stops_its_call_and_is_free(engine: Engine, wait_until: WaitUntil) -> None:
    engine.vendor.before = hang
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1, model=FLARE)
    async with working(engine):
        await wait_until(lambda: engine.vendor.requests)
        assert await engine.cancel(user, job_id) == [FREE]
    assert (engine.job(job_id).status, engine.store.balances[user]) == (Status.CANCELLED, Balance(10, 0))
    assert engine.store.attempts[job_id, 1].state is AttemptState.ABANDONED
    assert engine.observer.ends == [("cancelled", "")]


async def test_images_delivered_before_a_cancellation_are_kept_and_charged(
    engine: Engine, wait_until: WaitUntil
) -> None:
    engine.assets.stuck_after = 1
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=2)
    async with working(engine):
        await wait_until(lambda: engine.job(job_id).outputs)
        assert await engine.cancel(user, job_id) == [PARTIAL]
    assert (engine.job(job_id).captured_credits, len(engine.job(job_id).outputs)) == (1, 1)
    assert engine.store.balances[user] == Balance(9, 0)


async def test_the_next_write_of_a_cancelled_run_stops_it(engine: Engine, wait_until: WaitUntil) -> None:
    hold_reason = asyncio.Event()
    engine.painter.before = lambda _request: hold_reason.wait()
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=2)
    async with working(engine, WorkLimits(poll_s=60, heartbeat_s=60)):
        await wait_until(lambda: engine.painter.requests)
        assert await engine.cancel(user, job_id, patience_s=0) == [PENDING]
        assert engine.job(job_id).stage is Stage.CANCELLING
        hold_reason.set()
        await wait_until(lambda: engine.job(job_id).status.is_final)
    assert (engine.job(job_id).status, engine.store.balances[user]) == (Status.CANCELLED, Balance(10, 0))
    assert engine.observer.fences == 0
    assert await engine.cancel(user, job_id) == [FREE]


async def test_a_job_that_has_ended_cannot_be_cancelled(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    done = await engine.accepted(user, images=1)
    async with working(engine):
        await wait_until(lambda: engine.job(done).status.is_final)
    engine.painter.pictures = 0
    failed = await engine.accepted(user, images=1)
    async with working(engine):
        await wait_until(lambda: engine.job(failed).status.is_final)
    assert await engine.cancel(user, done, failed) == [TOO_LATE, TOO_LATE]
    assert engine.store.balances[user] == Balance(9, 0)


async def test_a_job_whose_worker_died_is_cancelled_by_the_sweep(engine: Engine, wait_until: WaitUntil) -> None:
    engine.painter.before = hang
    user = await engine.user(10)
    job_id = await engine.accepted(user)
    worker = engine.worker(WorkLimits(poll_s=0.01, heartbeat_s=60, grace_s=0))
    await worker.start()
    await wait_until(lambda: engine.painter.requests)
    job = engine.job(job_id)
    assert await engine.cancel(user, job_id, patience_s=0) == [PENDING]
    engine.clock.advance(16)
    assert await engine.sweep() == 1
    assert (engine.job(job_id).status, engine.job(job_id).attempt) == (Status.CANCELLED, job.attempt)
    await worker.stop()
    assert engine.store.balances[user] == Balance(10, 0)


async def test_a_stopping_worker_ends_its_cancelling_jobs(engine: Engine, wait_until: WaitUntil) -> None:
    engine.painter.before = hang
    user = await engine.user(10)
    job_id = await engine.accepted(user)
    async with working(engine, WorkLimits(poll_s=60, heartbeat_s=60, grace_s=0)):
        await wait_until(lambda: engine.painter.requests)
        assert await engine.cancel(user, job_id, patience_s=0) == [PENDING]
    assert engine.job(job_id).status is Status.CANCELLED


async def test_a_job_that_reconciles_is_cancelled_at_once_and_its_call_stays_unknown(
    engine: Engine, wait_until: WaitUntil
) -> None:
    engine.vendor.before = hang
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1, model=FLARE)
    async with working(engine, WorkLimits(poll_s=60, heartbeat_s=60, grace_s=0)):
        await wait_until(lambda: engine.vendor.requests)
    assert engine.job(job_id).stage is Stage.RECONCILING
    assert await engine.cancel(user, job_id) == [FREE]
    attempt = engine.store.attempts[job_id, 1]
    assert (attempt.state, attempt.outcome) == (AttemptState.UNKNOWN, Outcome.UNKNOWN)


async def test_a_job_of_another_user_cannot_be_cancelled(engine: Engine) -> None:
    owner = await engine.user(10)
    job_id = await engine.accepted(owner)
    with pytest.raises(GenerationNotFound):
        await engine.cancel(a_user(), job_id)
    assert engine.job(job_id).status is Status.QUEUED


async def test_a_bulk_cancel_decides_each_job_on_its_own(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(100)
    done = await engine.accepted(user, images=1)
    async with working(engine, FAST):
        await wait_until(lambda: engine.job(done).status.is_final)
    waiting = [await engine.accepted(user) for _ in range(3)]
    bystander = await engine.accepted(user)
    assert await engine.cancel(user, done, *waiting) == [TOO_LATE, *[FREE] * 3]
    assert engine.job(bystander).status is Status.QUEUED


async def test_a_bulk_cancel_with_another_users_job_cancels_none(engine: Engine) -> None:
    user, missing = await engine.user(10), UUID(int=5)
    own, foreign = await engine.accepted(user), await engine.accepted(await engine.user(10))
    with pytest.raises(GenerationNotFound) as refused:
        await engine.cancel(user, own, foreign, missing)
    assert refused.value.metadata == {"ids": f"gen_{foreign.hex} gen_{missing.hex}"}
    assert [engine.job(job_id).status for job_id in (own, foreign)] == [Status.QUEUED] * 2


@pytest.mark.parametrize("count", [0, 101])
async def test_a_bulk_cancel_names_one_to_a_hundred_jobs(engine: Engine, count: int) -> None:
    with pytest.raises(Invalid):
        await engine.cancel(await engine.user(), *[UUID(int=n) for n in range(count)])
