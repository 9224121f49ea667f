from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from pixel_errors import FailedPrecondition, Unavailable
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.application.ports import Writer
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Job, Status
from pixel_generation.domain.jobs.step import Step
from pixel_generation.domain.providers.provider import Outcome

from tests.fakes.generation_catalogue import SKETCH, FakeCatalogue
from tests.fakes.generation_jobs import FakeJobs
from tests.fakes.generation_neighbours import FakeLookup
from tests.fakes.generation_outputs import image_output
from tests.unit.generation.conftest import Engine

FLARE = "gpt-image-2.5-flare"


async def running(engine: Engine, queue: str = "sketch") -> Job:
    deadline = engine.clock.now() + timedelta(seconds=300)
    (job,) = await engine.store.claim(queue, 1, worker="dead", lease_s=15, deadline_at=deadline)
    return job


async def call(engine: Engine, job: Job) -> Job:
    after = job.calling()
    jobs = FakeJobs(engine.store)
    assert await jobs.write(job, after, writer=Writer.WORKER)
    return after


async def test_a_job_of_a_dead_worker_is_queued_again(engine: Engine) -> None:
    job_id = await engine.accepted(await engine.user())
    await running(engine)
    assert await engine.sweep() == 0
    engine.clock.advance(16)
    assert await engine.sweep() == 1
    assert (engine.job(job_id).status, engine.observer.requeues) == (Status.QUEUED, ["lease_over"])


async def test_a_paid_call_of_a_dead_worker_ends_unknown_and_costs_the_user_nothing(engine: Engine) -> None:
    user = await engine.user(10)
    await engine.accepted(user, images=2, model=FLARE)
    await call(engine, await running(engine, "openai"))
    engine.clock.advance(16)
    await engine.sweep()
    assert engine.observer.ends == []
    engine.clock.advance(60)
    await engine.sweep()
    assert engine.observer.ends == [("failed", "provider_outcome_unknown")]
    assert engine.store.balances[user] == Balance(10, 0)


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.NOT_SENT, Status.QUEUED), (Outcome.SENT, Status.FAILED)])
async def test_a_provider_lookup_resolves_an_unknown_call(engine: Engine, outcome: Outcome, status: Status) -> None:
    await engine.accepted(await engine.user(10), images=1, model=FLARE)
    job = await call(engine, await running(engine, "openai"))
    engine.clock.advance(16)
    await engine.sweep()
    assert engine.engine_observer.unknown_calls == 1
    lookup = FakeLookup(outcome)
    await engine.sweep({"openai": lookup})
    assert (engine.job(job.id).status, lookup.asked) == (status, [f"gen_{job.id.hex}"])


async def test_images_stored_by_a_dead_worker_are_kept_and_charged(engine: Engine) -> None:
    user = await engine.user(10)
    await engine.accepted(user, images=2, model=FLARE)
    job = await call(engine, await running(engine, "openai"))
    picture = image_output(UUID(int=1), 0, 1024, 1024, "image/png", 1)
    assert await engine.store.write(job, job.delivered(picture), writer=Writer.WORKER)
    engine.clock.advance(16)
    await engine.sweep()
    assert (engine.job(job.id).status, engine.job(job.id).outputs) == (Status.COMPLETED, (picture,))
    assert engine.store.balances[user] == Balance(6, 0)


async def test_a_paid_call_that_hangs_past_the_deadline_is_recorded_as_unknown(engine: Engine) -> None:
    await engine.accepted(await engine.user(10), images=1, model=FLARE)
    job = await call(engine, await running(engine, "openai"))
    engine.store.rows[job.id].lease_until = engine.clock.now() + timedelta(hours=1)
    engine.clock.advance(311)
    assert await engine.sweep() == 1
    assert engine.observer.ends == [("failed", "timeout")]
    assert engine.store.attempts[job.id, 1].outcome is Outcome.UNKNOWN


async def test_a_job_that_waited_too_long_expires(engine: Engine) -> None:
    user = await engine.user(10)
    await engine.accepted(user)
    engine.clock.advance(3601)
    await engine.sweep()
    assert engine.observer.ends == [("failed", "expired")]
    assert engine.store.balances[user] == Balance(10, 0)


async def test_a_hung_run_with_a_live_lease_times_out(engine: Engine) -> None:
    await engine.accepted(await engine.user())
    job = await running(engine)
    engine.clock.advance(5)
    engine.store.rows[job.id].lease_until = engine.clock.now() + timedelta(hours=1)
    engine.clock.advance(296)
    assert await engine.sweep() == 0
    engine.clock.advance(10)
    assert await engine.sweep() == 1
    assert engine.observer.ends == [("failed", "timeout")]


async def test_a_queued_job_of_a_withdrawn_model_ends_without_cost(engine: Engine) -> None:
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1, model=FLARE)
    other_id = await engine.accepted(user, images=1)
    assert await engine.sweep() == 0
    engine.catalogue = CachedCatalogue(FakeCatalogue(SKETCH, providers=frozenset({"sketch", "openai"})))
    assert await engine.sweep() == 1
    assert engine.observer.ends == [("failed", "model_unavailable")]
    assert (engine.job(job_id).captured_credits, engine.job(other_id).status) == (0, Status.QUEUED)
    assert engine.store.balances[user] == Balance(9, 1)


async def test_a_job_stays_queued_while_its_provider_is_unreachable(engine: Engine) -> None:
    await engine.accepted(await engine.user(), images=1, model=FLARE)
    engine.catalogue = CachedCatalogue(FakeCatalogue(providers=frozenset({"sketch"})))
    assert await engine.sweep() == 0


async def test_a_lost_signal_is_sent_again(engine: Engine) -> None:
    await engine.accepted(await engine.user())
    await engine.sweep()
    assert engine.store.signalled == []
    engine.clock.advance(3)
    await engine.sweep()
    assert engine.store.signalled == ["sketch"]
    assert engine.observer.depths == {"sketch": 1, "openai": 0}


async def test_a_process_without_the_lead_does_nothing(engine: Engine) -> None:
    await engine.accepted(await engine.user())
    await running(engine)
    engine.clock.advance(16)
    assert await engine.sweep(leads=False) == 0


async def test_a_job_that_cannot_be_read_is_set_aside_and_the_others_are_rescued(engine: Engine) -> None:
    user = await engine.user()
    broken, sound = await engine.accepted(user), await engine.accepted(user)
    deadline = engine.clock.now() + timedelta(seconds=300)
    await engine.store.claim("sketch", 2, worker="dead", lease_s=15, deadline_at=deadline)
    engine.clock.advance(16)
    assert await engine.sweep(broken={broken}) == 1
    assert engine.job(sound).status is Status.QUEUED
    assert engine.set_aside.jobs == [(broken, "rescue", "ValueError: nonsense")]
    assert engine.duty_observer.asides == {"rescue": 1}
    assert engine.duty_observer.failures == {}


async def test_a_job_whose_change_fails_is_set_aside_and_the_others_are_ended(engine: Engine) -> None:
    user = await engine.user()
    broken, sound = await engine.accepted(user), await engine.accepted(user)
    write = engine.store.write

    async def refuse(
        before: Job, after: Job, *, writer: Writer, call: CallRecord | None = None, step: Step | None = None
    ) -> bool:
        if before.id == broken:
            raise FailedPrecondition("a rule of the table")
        return await write(before, after, writer=writer, call=call, step=step)

    engine.store.write = refuse  # type: ignore[method-assign]
    engine.clock.advance(3601)
    assert await engine.sweep() == 1
    assert engine.job(sound).status is Status.FAILED
    assert engine.set_aside.jobs == [(broken, "expire", "FailedPrecondition: a rule of the table")]


async def test_a_locked_job_is_skipped_until_the_next_run_and_not_set_aside(engine: Engine) -> None:
    await engine.accepted(await engine.user())

    async def locked(*_: object, **__: object) -> bool:
        raise Unavailable("somebody holds it", reason="LOCKED")

    engine.store.write = locked  # type: ignore[method-assign]
    engine.clock.advance(3601)
    assert await engine.sweep() == 0
    assert engine.set_aside.jobs == []
    assert engine.duty_observer.failures == {}


async def test_an_unreachable_store_fails_the_duty_and_sets_nothing_aside(engine: Engine) -> None:
    await engine.accepted(await engine.user())
    engine.store.away = True
    engine.clock.advance(3601)
    assert await engine.sweep() == 0
    assert engine.set_aside.jobs == []
    assert engine.duty_observer.failures == {"expire": 1}
    assert engine.duty_observer.successes["measure_depths"] == 1
