from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pixel_errors import Invalid, Unavailable
from pixel_generation.application.execution import store_output
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.jobs.attempt import AttemptState
from pixel_generation.domain.jobs.job import Status
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.providers.text_to_image import ImageRequest
from pixel_generation.domain.work.stage import Stage

from tests.conftest import WaitUntil
from tests.fakes.generation_outputs import image_of
from tests.unit.generation.conftest import Engine

FLARE = "gpt-image-2.5-flare"
FAST = WorkLimits(poll_s=0.01, heartbeat_s=0.01, grace_s=0.05)


@asynccontextmanager
async def working(engine: Engine, limits: WorkLimits = FAST) -> AsyncIterator[Worker]:
    worker = engine.worker(limits)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


def trouble(outcome: Outcome, *, code: str = "provider_unavailable", retryable: bool = True) -> ProviderError:
    return ProviderError("Trouble.", code=code, outcome=outcome, retryable=retryable)


def hold() -> tuple[asyncio.Event, Callable[[ImageRequest], Awaitable[object]]]:
    hold_reason = asyncio.Event()
    return hold_reason, lambda _request: hold_reason.wait()


def ended(engine: Engine, job_id: object) -> Callable[[], bool]:
    return lambda: engine.job(job_id).status.is_final  # type: ignore[arg-type]


async def test_a_job_is_generated_stored_and_charged(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=3)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    job = engine.job(job_id)
    assert (job.status, len(job.outputs), job.captured_credits) == (Status.COMPLETED, 3, 3)
    assert [engine.assets.stored[image.asset_id].decode().split()[-1] for image in job.outputs] == [
        str(image.facts["seed"]) for image in job.outputs
    ]
    assert engine.store.balances[user] == Balance(7, 0)
    assert engine.observer.ends == [("completed", "")]


async def test_the_provider_gets_the_resolved_options(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user()
    job_id = await engine.accepted(user, model="dall-e-3")
    async with working(engine):
        await wait_until(ended(engine, job_id))
    (request,) = engine.vendor.requests
    assert (request.provider_model, request.count, request.width, request.attempt) == (FLARE, 2, 1024, 1)
    assert request.generation_id == f"gen_{job_id.hex}"
    assert user.hex not in request.end_user


async def test_missing_images_are_not_charged(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    engine.painter.pictures = 1
    job_id = await engine.accepted(user, images=4)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert (engine.job(job_id).status, engine.job(job_id).captured_credits) == (Status.COMPLETED, 1)
    assert engine.store.balances[user] == Balance(9, 0)


async def test_a_surplus_image_is_discarded(engine: Engine, wait_until: WaitUntil) -> None:
    engine.painter.pictures = 5
    job_id = await engine.accepted(await engine.user(), images=2)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert [image.index for image in engine.job(job_id).outputs] == [0, 1]


async def test_a_run_without_images_fails_without_cost(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    engine.painter.pictures = 0
    job_id = await engine.accepted(user)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert engine.observer.ends == [("failed", "no_output")]
    assert engine.store.balances[user] == Balance(10, 0)


async def test_bytes_that_are_not_an_image_are_not_delivered(engine: Engine, wait_until: WaitUntil) -> None:
    engine.assets.trouble = [Invalid("not an image")]
    job_id = await engine.accepted(await engine.user(), images=2)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert [image.index for image in engine.job(job_id).outputs] == [1]


async def test_an_unavailable_store_is_retried_without_a_second_provider_call(
    engine: Engine, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_output, "STORE_DELAY_S", 0.0001)
    engine.assets.trouble = [Unavailable() for _ in range(12)]
    job_id = await engine.accepted(await engine.user(), images=1)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert engine.job(job_id).status is Status.COMPLETED
    assert len(engine.painter.requests) == 1


async def test_a_request_that_was_not_sent_is_tried_three_times(engine: Engine, wait_until: WaitUntil) -> None:
    engine.vendor.pictures = 0
    engine.vendor.then = trouble(Outcome.NOT_SENT)
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1, model=FLARE)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert len(engine.vendor.requests) == 3
    assert engine.observer.ends == [("failed", "provider_unavailable")]
    assert engine.store.balances[user] == Balance(10, 0)


async def test_a_call_with_unknown_outcome_is_never_made_twice(engine: Engine, wait_until: WaitUntil) -> None:
    engine.vendor.pictures = 0
    engine.vendor.then = trouble(Outcome.UNKNOWN)
    job_id = await engine.accepted(await engine.user(), images=1, model=FLARE)
    async with working(engine):
        await wait_until(lambda: engine.job(job_id).stage is Stage.RECONCILING)
    engine.clock.advance(59)
    assert await engine.sweep() == 0
    engine.clock.advance(1)
    assert await engine.sweep() == 1
    assert len(engine.vendor.requests) == 1
    assert engine.observer.ends == [("failed", "provider_outcome_unknown")]
    assert engine.store.attempts[job_id, 1].state is AttemptState.UNKNOWN
    stages = [event.stage for event in engine.store.rows[job_id].events]
    assert stages[-2:] == [Stage.RECONCILING, Stage.DONE]


async def test_a_failure_after_the_first_image_keeps_the_delivered_images(
    engine: Engine, wait_until: WaitUntil
) -> None:
    engine.vendor.pictures = 1
    engine.vendor.then = trouble(Outcome.SENT)
    job_id = await engine.accepted(await engine.user(), images=2, model=FLARE)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert (engine.job(job_id).status, engine.job(job_id).captured_credits) == (Status.COMPLETED, 4)


async def test_a_bug_in_a_provider_fails_the_job_and_releases_its_hold(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    engine.painter.pictures = 0
    engine.painter.then = RuntimeError("a bug")
    job_id = await engine.accepted(user)
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert engine.observer.ends == [("failed", "internal")]
    assert engine.store.balances[user] == Balance(10, 0)


async def test_a_run_past_its_deadline_times_out(engine: Engine, wait_until: WaitUntil) -> None:
    _, engine.painter.before = hold()
    job_id = await engine.accepted(await engine.user())
    async with working(engine, WorkLimits(poll_s=0.01, run_timeout_s=0.02)):
        await wait_until(ended(engine, job_id))
    assert engine.observer.ends == [("failed", "timeout")]


async def test_a_paid_call_past_its_deadline_is_recorded_as_unknown(engine: Engine, wait_until: WaitUntil) -> None:
    _, engine.vendor.before = hold()
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1, model=FLARE)
    async with working(engine, WorkLimits(poll_s=0.01, run_timeout_s=0.02)):
        await wait_until(ended(engine, job_id))
    attempt = engine.store.attempts[job_id, 1]
    assert (attempt.state, attempt.outcome) == (AttemptState.UNKNOWN, Outcome.UNKNOWN)
    assert engine.observer.ends == [("failed", "timeout")]
    assert engine.observer.calls == [("openai", "unknown")]
    assert engine.store.balances[user] == Balance(10, 0)


async def test_pictures_stored_before_the_deadline_are_kept_and_paid(engine: Engine, wait_until: WaitUntil) -> None:
    engine.assets.stuck_after = 1
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=2, model=FLARE)
    async with working(engine, WorkLimits(poll_s=0.01, run_timeout_s=0.2)):
        await wait_until(ended(engine, job_id))
    assert (engine.job(job_id).status, len(engine.job(job_id).outputs)) == (Status.COMPLETED, 1)
    assert engine.store.balances[user] == Balance(6, 0)


async def test_pictures_stored_before_the_worker_stopped_are_kept_and_paid(
    engine: Engine, wait_until: WaitUntil
) -> None:
    engine.assets.stuck_after = 1
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=2, model=FLARE)
    async with working(engine):
        await wait_until(lambda: engine.job(job_id).outputs)
    assert (engine.job(job_id).status, engine.job(job_id).captured_credits) == (Status.COMPLETED, 4)
    assert engine.store.balances[user] == Balance(6, 0)


async def test_a_timeout_of_the_provider_is_not_the_jobs_deadline(engine: Engine, wait_until: WaitUntil) -> None:
    engine.painter.pictures = 0
    engine.painter.then = TimeoutError()
    job_id = await engine.accepted(await engine.user())
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert engine.observer.ends == [("failed", "internal")]


async def test_a_timeout_of_the_store_is_not_the_jobs_deadline(engine: Engine, wait_until: WaitUntil) -> None:
    engine.store.slow = 1
    job_id = await engine.accepted(await engine.user())
    async with working(engine, WorkLimits(poll_s=60, grace_s=0)):
        await wait_until(lambda: engine.store.slow == 0)
    assert engine.job(job_id).status is Status.PROCESSING
    engine.clock.advance(16)
    await engine.sweep()
    assert engine.job(job_id).status is Status.QUEUED


async def test_a_worker_claims_no_more_jobs_than_its_slots(engine: Engine, wait_until: WaitUntil) -> None:
    hold_reason, engine.painter.before = hold()
    _, engine.vendor.before = hold()
    user = await engine.user()
    ids = [await engine.accepted(user, images=1) for _ in range(5)]
    vendor_ids = [await engine.accepted(user, images=1, model=FLARE) for _ in range(5)]
    limits = WorkLimits(slots=3, queue_slots={"sketch": 2}, claim_loops=3, poll_s=0.01, grace_s=0.05)
    async with working(engine, limits):
        await wait_until(lambda: len(engine.painter.requests) + len(engine.vendor.requests) == 3)
        running = [engine.job(job_id).status is Status.PROCESSING for job_id in (*ids, *vendor_ids)]
        assert sum(running) == 3
        assert sum(running[:5]) <= 2
        hold_reason.set()
        await wait_until(lambda: all(engine.job(job_id).status.is_final for job_id in ids))


async def test_a_signal_starts_a_job_before_the_next_poll(engine: Engine, wait_until: WaitUntil) -> None:
    async with working(engine, WorkLimits(poll_s=60)) as worker:
        await asyncio.sleep(0)
        job_id = await engine.accepted(await engine.user())
        worker.signal()
        await wait_until(ended(engine, job_id), timeout_s=5)


async def test_a_run_that_lost_its_lease_stops_and_writes_nothing(engine: Engine, wait_until: WaitUntil) -> None:
    _, engine.painter.before = hold()
    job_id = await engine.accepted(await engine.user())
    async with working(engine, WorkLimits(poll_s=60, heartbeat_s=60)) as worker:
        await wait_until(lambda: engine.painter.requests)
        engine.clock.advance(20)
        await worker.renew_once()
        await wait_until(lambda: engine.observer.fences == 1)
    assert engine.job(job_id).status is Status.PROCESSING
    engine.painter.before = None
    assert await engine.sweep() == 1
    assert (engine.job(job_id).status, engine.job(job_id).retry_count) == (Status.QUEUED, 0)


async def test_heartbeats_keep_a_long_run_alive(engine: Engine, wait_until: WaitUntil) -> None:
    hold_reason, engine.painter.before = hold()
    job_id = await engine.accepted(await engine.user())
    async with working(engine, WorkLimits(poll_s=60, heartbeat_s=60)) as worker:
        await wait_until(lambda: engine.painter.requests)
        for _ in range(5):
            engine.clock.advance(10)
            await worker.renew_once()
        assert await engine.sweep() == 0
        hold_reason.set()
        await wait_until(ended(engine, job_id))
    assert engine.job(job_id).status is Status.COMPLETED


async def test_a_run_waiting_for_the_answer_to_its_last_write_is_not_lost(
    engine: Engine, wait_until: WaitUntil
) -> None:
    engine.store.ends_answered.clear()
    job_id = await engine.accepted(await engine.user())
    async with working(engine, WorkLimits(poll_s=60, heartbeat_s=60)) as worker:
        await wait_until(ended(engine, job_id))
        await worker.renew_once()
        engine.store.ends_answered.set()
        await wait_until(lambda: engine.observer.ends)
    assert engine.observer.fences == 0


async def test_a_stopped_worker_releases_its_jobs_at_once(engine: Engine, wait_until: WaitUntil) -> None:
    _, engine.painter.before = hold()
    job_id = await engine.accepted(await engine.user())
    async with working(engine):
        await wait_until(lambda: engine.painter.requests)
    job = engine.job(job_id)
    assert (job.status, job.attempt, job.retry_count) == (Status.QUEUED, 1, 0)


async def test_a_stopped_worker_does_not_repeat_a_paid_call(engine: Engine, wait_until: WaitUntil) -> None:
    _, engine.vendor.before = hold()
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1, model=FLARE)
    async with working(engine):
        await wait_until(lambda: engine.vendor.requests)
    assert engine.job(job_id).stage is Stage.RECONCILING
    engine.clock.advance(60)
    await engine.sweep()
    assert engine.job(job_id).failure is not None
    assert engine.store.balances[user] == Balance(10, 0)


async def test_a_stopping_worker_waits_for_its_runs(engine: Engine, wait_until: WaitUntil) -> None:
    hold_reason, engine.painter.before = hold()
    job_id = await engine.accepted(await engine.user())
    worker = engine.worker(WorkLimits(poll_s=60, grace_s=10))
    await worker.start()
    await wait_until(lambda: engine.painter.requests)
    stopping = asyncio.create_task(worker.stop())
    hold_reason.set()
    await stopping
    assert engine.job(job_id).status is Status.COMPLETED


async def test_a_job_of_a_withdrawn_model_ends_without_cost(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1)
    row = engine.store.rows[job_id]
    row.job = replace(row.job, work=replace(image_of(row.job), model="withdrawn"))
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert engine.observer.ends == [("failed", "model_unavailable")]
    assert engine.store.balances[user] == Balance(10, 0)


async def test_a_busy_queue_does_not_starve_another(engine: Engine, wait_until: WaitUntil) -> None:
    hold_reason, engine.vendor.before = hold()
    user = await engine.user()
    for _ in range(6):
        await engine.accepted(user, images=1, model=FLARE)
    sketch_id = await engine.accepted(user, images=1)
    async with working(engine, WorkLimits(slots=4, poll_s=0.01, grace_s=10)):
        await wait_until(ended(engine, sketch_id))
        hold_reason.set()


async def test_a_change_with_a_lost_answer_is_written_once(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1)
    engine.store.lost_answers = 3
    async with working(engine):
        await wait_until(ended(engine, job_id))
    assert (engine.job(job_id).status, engine.store.lost_answers) == (Status.COMPLETED, 0)
    assert engine.store.balances[user] == Balance(9, 0)
    assert len(engine.painter.requests) == 1


async def test_a_run_without_a_reachable_store_is_left_to_the_sweep(
    engine: Engine, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.randomness, "fraction", lambda: 0.0)  # it polls again without a pause
    job_id = await engine.accepted(await engine.user(), images=1)
    engine.store.away = True
    async with working(engine, WorkLimits(poll_s=60, grace_s=0)):
        await wait_until(lambda: engine.store.refused >= 1)
    assert engine.job(job_id).status is Status.PROCESSING
    engine.store.away = False
    engine.clock.advance(16)
    await engine.sweep()
    assert engine.job(job_id).status is Status.QUEUED
