"""Claims, fences, leases, settlements."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from pixel_generation.adapters.outbound.postgres.due_jobs import PostgresDueJobs
from pixel_generation.adapters.outbound.postgres.housekeeping import PostgresHousekeeping
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.application.execution.ports import Jobs, Steps
from pixel_generation.application.maintenance.ports import DueJobs, Housekeeping
from pixel_generation.application.ports import Writer
from pixel_generation.application.reading.ports import GenerationFilter
from pixel_generation.application.submission.ports import NewGeneration, Verdict
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Failure, Job, Status
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.jobs.step import Step
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.work.stage import Stage
from pixel_runtime.ids import new_id

from tests.contract.generation.conftest import Store
from tests.fakes.generation import FakeStore
from tests.fakes.generation_duties import FakeDueJobs
from tests.fakes.generation_jobs import FakeJobs
from tests.fakes.generation_outputs import image_output

CONTRACTS = {
    Jobs: (FakeJobs, PostgresJobs),
    Steps: (FakeJobs, PostgresJobs),
    Housekeeping: (FakeStore, PostgresHousekeeping),
    DueJobs: (FakeDueJobs, PostgresDueJobs),
}

FAILURE = Failure("provider_rejected", "No.", retryable=False)
LAST = UUID(int=2**128 - 1)


def picture(index: int = 0) -> Output:
    return image_output(new_id(), index, 1024, 1024, "image/png", 1234, seed=7)


async def write(store: Store, before: Job, after: Job, writer: Writer = Writer.WORKER) -> Job:
    assert await store.jobs.write(before, after, writer=writer)
    return after


async def deliver(store: Store, job: Job, count: int) -> Job:
    job = await write(store, job, job.calling())
    for index in range(count):
        job = await write(store, job, job.delivered(picture(index)))
    return job


async def test_a_claimed_job_is_started_once(store: Store) -> None:
    user = await store.funded_user()
    await store.decisions.decide([store.new(user) for _ in range(4)])
    claims = await asyncio.gather(store.claim(3), store.claim(3), store.claim(3))
    jobs = [job for claim in claims for job in claim]
    assert len(jobs) == len({job.id for job in jobs}) == 4
    assert {(job.status, job.stage, job.attempt, job.progress) for job in jobs} == {
        (Status.PROCESSING, Stage.STARTING, 1, 10)
    }


async def test_a_claim_writes_an_event_with_the_number_of_images(store: Store) -> None:
    user = await store.funded_user()
    job = await store.running(user, images=3)
    events = await store.queries.events(job.id, user, after=1, limit=10)
    assert [(event.sequence, event.progress, event.current_step) for event in events] == [(2, 10, "Making 3 images")]


async def test_one_users_many_jobs_do_not_starve_another(store: Store) -> None:
    many, few = await store.funded_user(), await store.funded_user()
    await store.decisions.decide([store.new(many) for _ in range(20)])
    await store.decisions.decide([store.new(few) for _ in range(2)])
    claimed = await store.claim(4)
    assert sorted(job.user_id for job in claimed) == sorted([many, few, many, few])


async def test_the_queue_position_follows_the_order_of_claims(store: Store) -> None:
    user = await store.funded_user()
    items = [store.new(user) for _ in range(4)]
    await store.decisions.decide(items)
    found = await store.queries.find([item.job.id for item in items], user)
    assert [found[item.job.id][1] for item in items] == [0, 1, 2, 3]
    assert (await store.claim())[0].id == items[0].job.id


async def test_a_job_is_not_claimed_before_its_time(store: Store) -> None:
    user = await store.funded_user()
    job = await store.running(user)
    later = store.clock.now() + timedelta(minutes=1)
    await write(store, job, job.requeued(scheduled_at=later, counts_as_retry=True))
    assert await store.claim() == []


async def test_a_completed_job_pays_for_what_was_delivered(store: Store) -> None:
    user = await store.funded_user(10)
    job = await deliver(store, await store.running(user, images=3), 2)
    job = await write(store, job, job.completed(at=store.clock.now()))
    assert await store.queries.balance(user) == Balance(8, 0)
    stored, *_ = (await store.queries.find([job.id], user))[job.id]
    assert (stored.status, stored.captured_credits, stored.outputs) == (Status.COMPLETED, 2, job.outputs)
    assert await store.sum_of_entries() == 0
    assert await store.attempt_of(job) == ("succeeded", None)


async def test_a_failed_job_costs_nothing(store: Store) -> None:
    user = await store.funded_user(10)
    job = await store.running(user, images=3)
    job = await write(store, job, job.failed(FAILURE, at=store.clock.now()))
    assert await store.queries.balance(user) == Balance(10, 0)
    stored, *_ = (await store.queries.find([job.id], user))[job.id]
    assert (stored.status, stored.failure, stored.progress) == (Status.FAILED, FAILURE, 0)
    assert await store.sum_of_entries() == 0


async def test_a_job_is_settled_once_however_often_it_is_tried(store: Store) -> None:
    user = await store.funded_user(10)
    job = await deliver(store, await store.running(user, images=2), 2)
    done, failed = job.completed(at=store.clock.now()), job.failed(FAILURE, at=store.clock.now())
    results = await asyncio.gather(
        *(store.jobs.write(job, done, writer=Writer.WORKER) for _ in range(2)),
        *(store.jobs.write(job, failed, writer=Writer.TIMEOUT) for _ in range(2)),
    )
    assert sorted(results) == [False, False, False, True]
    assert (await store.queries.balance(user)).held == 0
    assert await store.sum_of_entries() == 0


async def test_a_worker_whose_lease_is_over_writes_nothing(store: Store) -> None:
    user = await store.funded_user(10)
    job = await store.running(user)
    await store.end_leases()
    assert not await store.jobs.write(job, job.calling(), writer=Writer.WORKER)
    assert not await store.jobs.write(job, job.failed(FAILURE, at=store.clock.now()), writer=Writer.WORKER)
    assert (await store.queries.balance(user)).held == 1


async def test_a_reclaimer_takes_over_only_when_the_lease_is_over(store: Store) -> None:
    user = await store.funded_user(10)
    job = await store.running(user)
    back = job.requeued(scheduled_at=store.clock.now(), counts_as_retry=False)
    assert not await store.jobs.write(job, back, writer=Writer.RECLAIMER)
    assert (await store.due.abandoned(10)).rows == []
    await store.end_leases()
    assert [found.id for found in (await store.due.abandoned(10)).rows] == [job.id]
    assert await store.jobs.write(job, back, writer=Writer.RECLAIMER)
    assert await store.attempt_of(job) == ("abandoned", None)
    (again,) = await store.claim()
    assert (again.id, again.attempt, again.retry_count) == (job.id, 2, 0)


async def test_the_first_worker_is_fenced_once_another_runs_the_job(store: Store) -> None:
    user = await store.funded_user(10)
    first = await store.running(user)
    await store.end_leases()
    back = first.requeued(scheduled_at=store.clock.now(), counts_as_retry=False)
    await write(store, first, back, Writer.RECLAIMER)
    (second,) = await store.claim()
    assert not await store.jobs.write(first, first.calling(), writer=Writer.WORKER)
    assert await store.jobs.renew([(first.id, first.attempt)], lease_s=15) == {}
    assert await store.jobs.renew([(second.id, second.attempt)], lease_s=15) == {second.id: Stage.STARTING}


async def test_an_expired_lease_cannot_be_renewed(store: Store) -> None:
    job = await store.running(await store.funded_user())
    await store.end_leases()
    assert await store.jobs.renew([(job.id, job.attempt)], lease_s=15) == {}


async def test_an_unknown_outcome_is_stored_with_the_attempt(store: Store) -> None:
    user = await store.funded_user()
    job = await store.running(user)
    job = await write(store, job, job.calling())
    await store.end_leases()
    reconciling = await write(store, job, job.reconciling(), Writer.RECLAIMER)
    await write(store, reconciling, reconciling.failed(FAILURE, at=store.clock.now()), Writer.RECLAIMER)
    assert await store.attempt_of(job) == ("unknown", "unknown")


async def test_the_provider_response_is_stored_with_the_attempt(store: Store) -> None:
    job = await store.running(await store.funded_user())
    job = await write(store, job, job.calling())
    call = CallRecord(Outcome.SENT, "req-1", 1500, "provider_rejected")
    assert await store.jobs.write(job, job.failed(FAILURE, at=store.clock.now()), writer=Writer.WORKER, call=call)
    assert await store.attempt_of(job) == ("failed", "sent")


async def test_a_job_past_its_deadline_is_found_and_ended_by_anyone(store: Store) -> None:
    user = await store.funded_user(10)
    item = store.new(user)
    await store.submit_one(item)
    assert (await store.due.overdue(10)).rows == []
    (job,) = await store.jobs.claim(
        "sketch", 1, worker="w1", lease_s=15, deadline_at=store.clock.now() - timedelta(seconds=1)
    )
    assert [found.id for found in (await store.due.overdue(10)).rows] == [job.id]
    await write(store, job, job.failed(FAILURE, at=store.clock.now()), Writer.TIMEOUT)
    assert await store.queries.balance(user) == Balance(10, 0)
    assert (await store.due.overdue(10)).rows == []


async def test_a_job_that_no_worker_can_start_is_found_and_ended(store: Store) -> None:
    user = await store.funded_user(10)
    item = store.new(user)
    await store.submit_one(item)
    assert (await store.due.unserved(10, queues=["sketch"], models=[])).rows == []
    assert (await store.due.unserved(10, queues=["openai"], models=["studio-sketch"])).rows == []
    (job,) = (await store.due.unserved(10, queues=["openai"], models=["gpt-image-2"])).rows
    assert job == item.job
    await write(store, job, job.failed(FAILURE, at=store.clock.now()), Writer.TIMEOUT)
    assert await store.queries.balance(user) == Balance(10, 0)


async def test_old_ended_jobs_are_archived_once_and_stay_readable(store: Store) -> None:
    user = await store.funded_user()
    job = await store.running(user)
    ended = await write(store, job, job.failed(FAILURE, at=store.clock.now()))
    waiting = store.new(user)
    await store.decisions.decide([waiting])
    assert await store.housekeeping.archive(before=ended.ended_at or store.clock.now(), limit=10) == 0
    later = store.clock.now() + timedelta(days=1)
    assert [await store.housekeeping.archive(before=later, limit=10) for _ in range(2)] == [1, 0]
    found = await store.queries.find([job.id, waiting.job.id], user)
    assert {standing.job.id for standing in found.values()} == {job.id, waiting.job.id}
    page = await store.queries.page(GenerationFilter(user), before=LAST, limit=10)
    assert {standing.job.id for standing in page.items} == {job.id, waiting.job.id}
    assert [event.sequence for event in await store.queries.events(job.id, user, after=0, limit=10)] == [1, 2, 3]
    again = NewGeneration(ended.retried(at=later, deadline_at=later), retried_at=later)
    assert [decision.verdict for decision in await store.decisions.decide([again])] == [Verdict.ARCHIVED]


async def test_events_count_up_without_a_gap(store: Store) -> None:
    user = await store.funded_user()
    job = await deliver(store, await store.running(user, images=2), 2)
    job = await write(store, job, job.completed(at=store.clock.now()))
    events = await store.queries.events(job.id, user, after=0, limit=100)
    assert [event.sequence for event in events] == list(range(1, 7))
    assert [event.progress for event in events] == [0, 10, 50, 77, 95, 100]
    assert events[-1].set_id == job.set_id


async def test_queued_jobs_are_counted_by_queue(store: Store) -> None:
    user = await store.funded_user()
    await store.decisions.decide([store.new(user) for _ in range(3)])
    await store.claim()
    assert (await store.housekeeping.queue_depths())["sketch"] == 2


async def test_a_job_reads_back_as_it_was_written(store: Store) -> None:
    job = await store.running(await store.funded_user())
    assert await store.jobs.find(job.id) == job
    assert await store.jobs.find(new_id()) is None


async def test_a_call_of_unknown_outcome_is_found_until_it_is_settled(store: Store) -> None:
    job = await store.running(await store.funded_user())
    job = await write(store, job, job.calling())
    await store.end_leases()
    assert (await store.due.reconciling(10)).rows == []
    unknown = await write(store, job, job.reconciling(), Writer.RECLAIMER)
    (found,) = (await store.due.reconciling(10)).rows
    assert (found.job, found.provider_request_id) == (unknown, "")
    await write(store, unknown, unknown.failed(FAILURE, at=store.clock.now()), Writer.RECLAIMER)
    assert (await store.due.reconciling(10)).rows == []


async def test_an_idempotency_key_is_deleted_when_it_expires(store: Store) -> None:
    user = await store.funded_user()
    await store.submit_one(store.new(user, key="k"))
    day = timedelta(days=1)
    assert await store.housekeeping.purge(before=store.clock.now() - day, limit=10) == 0
    assert (await store.submit_one(store.new(user, key="k"))).verdict is Verdict.REPLAYED
    assert await store.housekeeping.purge(before=store.clock.now() + day, limit=10) == 1
    assert (await store.submit_one(store.new(user, key="k"))).verdict is Verdict.ACCEPTED


async def test_a_queue_with_an_unclaimed_job_is_signalled_again(store: Store) -> None:
    await store.submit_one(store.new(await store.funded_user()))
    assert await store.housekeeping.signal_queues() == 0
    await store.let_wait(3)
    assert await store.housekeeping.signal_queues() == 1
    await store.claim()
    assert await store.housekeeping.signal_queues() == 0


async def test_a_durable_step_is_written_with_its_change_and_once_finished_stays(store: Store) -> None:
    job = await store.running(await store.funded_user())
    job = await write(store, job, job.calling())
    assert await store.steps.steps(job) == {}
    begun = Step("first", is_finished=False, output={"task": "t-1"})
    done = Step("first", is_finished=True, output={"of": 1}, call=CallRecord(Outcome.SENT, "t-1", 5))
    for step in (begun, done, begun):
        going_on = job.advanced(progress=60, step="the first of two")
        assert await store.jobs.write(job, going_on, writer=Writer.WORKER, step=step)
        job = going_on
        assert await store.steps.steps(job) == {"first": begun if step is begun and job.sequence == 4 else done}
    assert await store.jobs.find(job.id) == job
    assert (job.current_step, job.progress) == ("the first of two", 60)


async def test_a_durable_step_is_fenced_like_the_change_it_is_written_with(store: Store) -> None:
    job = await store.running(await store.funded_user())
    job = await write(store, job, job.calling())
    await store.end_leases()
    step = Step("first", is_finished=True)
    assert not await store.jobs.write(job, job.advanced(), writer=Writer.WORKER, step=step)
    assert await store.steps.steps(job) == {}
