"""Retry-After of refusals by the queue."""

from __future__ import annotations

import pytest
from pixel_errors import Exhausted, Unavailable
from pixel_generation.adapters.outbound.caches.queue_capacity import CountedQueueCapacity
from pixel_generation.application.reading import retry_after
from pixel_generation.application.submission.submit import SubmitGeneration
from pixel_generation.domain.queueing.queue_snapshot import FinishedRun, QueueSnapshot, Share
from pixel_generation.domain.work.image import ImageWork

from tests.fakes.generation import FakeStore, a_user
from tests.fakes.generation_eta import FakeQueueCounts

FOX, OWL = a_user(), a_user()


def snapshot(shares: dict, *, slots: int = 4, seconds: float = 8.0) -> QueueSnapshot:
    runs = [FinishedRun(seconds, 1)] * 10
    return QueueSnapshot(0.0, [], shares, running=slots, slots=slots, runs=runs, typical_s=1.0)


def test_alone_in_the_queue_the_wait_is_the_time_for_a_tenth_of_the_jobs():
    assert retry_after.own_jobs_end_s(snapshot({FOX: Share(1.0)}), FOX, 100) == pytest.approx(10 * 8 / 4)


def test_the_wait_grows_with_the_weight_of_other_users():
    shares = {FOX: Share(1.0, weight=1.0), OWL: Share(1.0, weight=3.0)}

    assert retry_after.own_jobs_end_s(snapshot(shares), FOX, 10) == pytest.approx(2.0 * 4)
    assert retry_after.own_jobs_end_s(snapshot(shares), OWL, 10) == pytest.approx(2.0 * 4 / 3)


@pytest.mark.parametrize(("seconds", "expected"), [(0.001, 1.0), (3600.0, 60.0)])
def test_the_wait_is_between_its_bounds(seconds, expected):
    assert retry_after.own_jobs_end_s(snapshot({FOX: Share(1.0)}, seconds=seconds), FOX, 10) == expected


def test_the_wait_is_unknown_for_a_queue_that_was_not_measured():
    assert retry_after.own_jobs_end_s(None, FOX, 10) == retry_after.UNKNOWN_S
    assert retry_after.queue_has_capacity_s(None, 3) == retry_after.UNKNOWN_S


def test_a_full_queue_has_capacity_once_as_many_jobs_ended_as_it_refused():
    assert retry_after.queue_has_capacity_s(snapshot({}), 10) == pytest.approx(20.0)


@pytest.mark.parametrize("cap", [10, 100])
def test_a_sender_that_obeys_retry_after_keeps_the_queue_busy_and_is_refused_once_per_wait(cap):
    """N23 at the queue capacity: two minutes; in the second one no refusal is in vain."""
    slots, run_s, now_s = 4, 1.5, 0.0
    open_jobs, ends, next_try_s = 0, [place * run_s / slots for place in range(slots)], 0.0
    ended, refused, fruitless = [0, 0], [0, 0], 0
    has_sent = True
    while now_s < 120.0:
        minute = int(now_s // 60)
        if now_s >= next_try_s and open_jobs < cap:
            open_jobs, has_sent = open_jobs + 1, True
        elif now_s >= next_try_s:
            fruitless += not has_sent
            refused[minute], has_sent = refused[minute] + 1, False
            next_try_s = now_s + retry_after.own_jobs_end_s(snapshot({FOX: Share(1.0)}, seconds=run_s), FOX, cap)
        else:
            now_s = min(next_try_s, *ends)
            for place, end_s in enumerate(ends):
                if end_s <= now_s:
                    ends[place] = now_s + run_s
                    ended[minute] += open_jobs > 0
                    open_jobs -= open_jobs > 0

    assert ended[1] == pytest.approx(60 / run_s * slots, rel=0.05)
    assert fruitless == 0
    assert refused[1] <= 60 / retry_after.own_jobs_end_s(snapshot({FOX: Share(1.0)}, seconds=run_s), FOX, cap) + 1


async def test_a_user_at_the_open_jobs_limit_gets_a_retry_after(engine):
    user = await engine.user()
    engine.store.max_open_jobs = 2
    *_, refused = [(await engine.submit(SubmitGeneration(user, ImageWork("a fox"))))[0] for _ in range(3)]

    assert isinstance(refused, Exhausted)
    assert refused.code == "TOO_MANY_OPEN_JOBS"
    assert refused.retry_after_s is not None
    assert retry_after.SHORTEST_S <= refused.retry_after_s <= retry_after.LONGEST_S
    assert engine.observer.verdicts.count("too_many_open_jobs") == 1


async def test_a_full_queue_refuses_with_retry_after_and_still_answers_repeated_requests(engine, wait_until):
    user = await engine.user()
    engine.counts.max_queued = 2
    kept = SubmitGeneration(user, ImageWork("a fox"), idempotency_key="k1")
    (first,) = await engine.submit(kept)
    await wait_until(lambda: engine.counts.counted == 1)
    await engine.submit(SubmitGeneration(user, ImageWork("an owl")))

    (refused,) = await engine.submit(SubmitGeneration(user, ImageWork("a hare")))
    (replayed,) = await engine.submit(kept)

    assert isinstance(refused, Unavailable)
    assert refused.code == "QUEUE_FULL"
    assert refused.retry_after_s is not None
    assert replayed.job_id == first.job_id
    assert engine.observer.verdicts.count("queue_full") == 1


class CountedQueue:
    """A queue with a capacity of three jobs, on a clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.store = FakeStore()
        self.counts = FakeQueueCounts(self.store)
        self.counts.max_queued = 3
        self.capacity = CountedQueueCapacity(self.counts, monotonic=lambda: self.now_s)


async def test_the_queue_length_is_read_once_a_second_and_accepted_jobs_are_added(wait_until):
    queue = CountedQueue()
    assert not queue.capacity.is_full("sketch")
    await wait_until(lambda: queue.counts.counted == 1)
    for _ in range(3):
        assert not queue.capacity.is_full("sketch")
        queue.capacity.accepted("sketch")

    assert queue.capacity.is_full("sketch")
    assert queue.counts.counted == 1
    queue.now_s += 1.0
    assert queue.capacity.is_full("sketch")
    await wait_until(lambda: not queue.capacity.is_full("sketch"))
    assert queue.counts.counted == 2


async def test_a_queue_that_cannot_be_counted_accepts_jobs(wait_until):
    queue = CountedQueue()
    queue.capacity.is_full("sketch")
    await wait_until(lambda: queue.counts.counted == 1)
    for _ in range(3):
        queue.capacity.accepted("sketch")
    queue.counts.trouble = Unavailable("away")
    queue.now_s += 1.0
    assert queue.capacity.is_full("sketch")

    await wait_until(lambda: not queue.capacity.is_full("sketch"))
