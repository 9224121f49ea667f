from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_generation.domain.jobs.job import Job, Status
from pixel_generation.domain.queueing.estimate import remaining_s
from pixel_generation.domain.queueing.queue_snapshot import PICKUP_S, FinishedRun, QueueSnapshot, Share
from pixel_generation.domain.work.image import ImageWork

from tests.fakes.generation import FakeClock

FOX, OWL = UUID(int=1), UUID(int=2)
NOW = FakeClock().now()


def queue(
    *, waiting: int = 0, running: int = 0, slots: int = 2, seconds: list[float] | None = None, is_cut: bool = False
) -> QueueSnapshot:
    tags = [(1, float(place)) for place in range(waiting)]
    runs = [FinishedRun(each, 1) for each in seconds or []]
    return QueueSnapshot(0.0, tags, {FOX: Share(float(waiting))}, running, slots, runs, 10.0, is_cut)


def job(status: Status, *, ran_s: float = 0.0) -> Job:
    queued = Job(UUID(int=9), FOX, UUID(int=8), ImageWork("a fox"), "sketch", 1, NOW, NOW, NOW)
    return replace(queued, status=status, started_at=NOW - timedelta(seconds=ran_s))


def test_an_idle_queue_starts_at_once() -> None:
    assert queue().waiting_interval_s(0) == (0.0, PICKUP_S)


def test_a_queued_job_has_the_same_estimate_as_a_new_one_at_its_position() -> None:
    snapshot = queue(waiting=20, running=2, seconds=[5.0] * 10)
    assert snapshot.waiting_interval_s(20) == pytest.approx(snapshot.start_interval_s(FOX, 1), rel=0.1)


@given(st.integers(0, 999), st.integers(0, 50), st.integers(1, 50))
def test_an_interval_is_ordered_and_grows_with_what_is_ahead(ahead: int, running: int, slots: int) -> None:
    snapshot = queue(waiting=1_001, running=running, slots=slots)
    interval, later = snapshot.waiting_interval_s(ahead), snapshot.waiting_interval_s(ahead + 1)
    assert interval is not None
    assert later is not None
    assert 0 <= interval[0] <= interval[1]
    assert later[0] >= interval[0]
    assert later[1] >= interval[1]


def test_there_is_no_estimate_beyond_the_queue_snapshot() -> None:
    assert queue(waiting=5, is_cut=True).waiting_interval_s(5) is None
    assert queue(waiting=5, is_cut=True).waiting_interval_s(4) is not None


def test_the_position_of_a_users_newest_job_follows_its_tag() -> None:
    snapshot = queue(waiting=5)
    assert snapshot.newest_ahead(FOX, 1, 1) == 4
    assert snapshot.newest_ahead(FOX, 0, 1) == 0
    snapshot.add(OWL, 1, 3)
    assert snapshot.newest_ahead(OWL, 1, 3) == 1  # of the same tags the earlier one goes first


def test_the_remaining_time_is_wait_plus_run_and_unknown_once_overdue() -> None:
    snapshot = queue(seconds=[4.0, 6.0] * 5)
    assert remaining_s(job(Status.QUEUED), (2.0, 4.0), snapshot, NOW) == 8.0
    assert remaining_s(job(Status.QUEUED), None, snapshot, NOW) is None
    assert remaining_s(job(Status.PROCESSING, ran_s=2.0), None, snapshot, NOW) == 3.0
    assert remaining_s(job(Status.PROCESSING, ran_s=6.0), None, snapshot, NOW) == pytest.approx(0.28)
    assert remaining_s(job(Status.PROCESSING, ran_s=7.0), None, snapshot, NOW) is None
    assert remaining_s(job(Status.COMPLETED), None, snapshot, NOW) is None
