from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_generation.domain.errors import IllegalTransition
from pixel_generation.domain.images import Outcome, ProviderError
from pixel_generation.domain.job import TRANSITIONS, DeliveredImage, Failure, Job, Move, Stage, Status
from pixel_generation.domain.recovery import (
    RetryPolicy,
    after_broken_run,
    after_deadline,
    after_lost_run,
    after_provider_error,
    after_storage_trouble,
)
from pixel_generation.domain.spec import GenerationSpec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAILURE = Failure("blocked", "No.", retryable=False)
POLICY = RetryPolicy()


def a_job(images: int = 4) -> Job:
    return Job(
        id=UUID(int=1),
        user_id=UUID(int=2),
        set_id=UUID(int=3),
        spec=GenerationSpec("a fox", number_of_images=images),
        lane="sketch",
        cost_credits=images * 2,
        created_at=NOW,
        scheduled_at=NOW,
        deadline_at=NOW + timedelta(hours=1),
    )


def claimed(images: int = 4) -> Job:
    return a_job(images).claimed(at=NOW, deadline_at=NOW + timedelta(seconds=300))


def picture(index: int) -> DeliveredImage:
    return DeliveredImage(UUID(int=100 + index), index, 1, 1, "image/png", 1)


MOVES: dict[Move, Callable[[Job, int], Job]] = {
    Move.CLAIM: lambda job, _: job.claimed(at=NOW, deadline_at=NOW + timedelta(seconds=300)),
    Move.CALL: lambda job, _: job.calling(),
    Move.DELIVER: lambda job, index: job.delivered(picture(index)),
    Move.REQUEUE: lambda job, index: job.requeued(scheduled_at=NOW, counts_as_retry=index % 2 == 0),
    Move.RECONCILE: lambda job, _: job.reconciling(),
    Move.COMPLETE: lambda job, _: job.completed(at=NOW),
    Move.FAIL: lambda job, _: job.failed(FAILURE, at=NOW),
}


@given(st.lists(st.sampled_from(Move), max_size=30))
def test_whatever_happens_a_job_stays_consistent(moves: list[Move]) -> None:
    job = a_job()
    for index, what in enumerate(moves):
        try:
            after = MOVES[what](job, index)
        except IllegalTransition:
            continue
        assert not job.status.is_final
        assert after.sequence == job.sequence + 1
        assert after.attempt == job.attempt + (what is Move.CLAIM)
        assert after.retry_count in {job.retry_count, job.retry_count + 1}
        assert 0 <= after.progress <= 100
        if after.status is Status.PROCESSING:
            assert after.progress >= job.progress
        assert after.status.is_final == (after.stage is Stage.DONE) == (after.captured_credits is not None)
        if after.captured_credits is not None:
            assert 0 <= after.captured_credits <= after.cost_credits
        assert (after.status is Status.FAILED) == (after.failure is not None)
        assert after.message
        job = after


def test_every_state_that_is_not_final_can_fail() -> None:
    states = {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values())
    assert {state for state in states if not state[0].is_final} == {s for s, m in TRANSITIONS if m is Move.FAIL}


def test_nothing_leaves_a_final_state() -> None:
    assert not [state for state, _ in TRANSITIONS if state[0].is_final]


def test_a_partly_delivered_job_is_paid_in_part() -> None:
    job = claimed(4).calling().delivered(picture(2)).delivered(picture(0)).completed(at=NOW)
    assert (job.status, job.captured_credits) == (Status.COMPLETED, 4)
    assert [image.index for image in job.images] == [0, 2]


def test_a_job_without_pictures_does_not_complete() -> None:
    with pytest.raises(IllegalTransition):
        claimed().calling().completed(at=NOW)


def test_steps_are_told_in_words() -> None:
    job = claimed(1)
    told = [a_job().message, job.message, job.calling().message, job.calling().delivered(picture(0)).message]
    told += [job.calling().delivered(picture(0)).completed(at=NOW).message, job.failed(FAILURE, at=NOW).message]
    assert told == [
        "Waiting in queue",
        "Making 1 image",
        "AI is generating your images",
        "Uploading to storage (1 of 1)",
        "Done",
        "Failed",
    ]


def error(outcome: Outcome, *, retryable: bool = True, after_s: float | None = None) -> ProviderError:
    return ProviderError(
        "Trouble.", code="provider_unavailable", outcome=outcome, retryable=retryable, retry_after_s=after_s
    )


def after_error(job: Job, trouble: ProviderError, *, repeatable: bool = False) -> tuple[Job, ...]:
    return after_provider_error(job, trouble, repeatable=repeatable, policy=POLICY, now=NOW, draw=0.5)


def test_a_request_that_was_not_sent_is_tried_again_later() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.NOT_SENT))
    assert (job.status, job.retry_count, job.scheduled_at) == (Status.QUEUED, 1, NOW + timedelta(seconds=0.5))


def test_the_wait_the_provider_asks_for_is_respected() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.NOT_SENT, after_s=20))
    assert job.scheduled_at == NOW + timedelta(seconds=20)


def test_a_wait_beyond_the_deadline_fails_at_once() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.NOT_SENT, after_s=400))
    assert job.status is Status.FAILED


def test_three_tries_are_all() -> None:
    job = a_job()
    for _ in range(2):
        job = job.claimed(at=NOW, deadline_at=NOW + timedelta(seconds=300))
        (job,) = after_error(job.calling(), error(Outcome.NOT_SENT))
    (job,) = after_error(job.claimed(at=NOW, deadline_at=NOW).calling(), error(Outcome.NOT_SENT))
    assert (job.status, job.failure) == (Status.FAILED, Failure("provider_unavailable", "Trouble.", retryable=True))


def test_a_refusal_is_not_tried_again() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.SENT, retryable=False))
    assert job.status is Status.FAILED


def test_an_unknown_outcome_is_never_repeated_at_a_provider_that_charges() -> None:
    reconciling, failed = after_error(claimed().calling(), error(Outcome.UNKNOWN))
    assert reconciling.stage is Stage.RECONCILING
    assert failed.failure is not None
    assert (failed.failure.code, failed.captured_credits) == ("provider_outcome_unknown", 0)


def test_an_unknown_outcome_is_repeated_where_a_second_call_costs_nothing() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.UNKNOWN), repeatable=True)
    assert job.status is Status.QUEUED


def lost(job: Job, *, repeatable: bool, now: datetime = NOW) -> tuple[Job, ...]:
    return after_lost_run(job, repeatable=repeatable, policy=POLICY, now=now)


def test_a_run_lost_before_its_call_is_repeated_without_counting() -> None:
    (job,) = lost(claimed(), repeatable=False)
    assert (job.status, job.retry_count, job.scheduled_at) == (Status.QUEUED, 0, NOW)


def test_a_run_lost_in_its_call_is_repeated_only_where_that_is_free() -> None:
    assert lost(claimed().calling(), repeatable=True)[-1].status is Status.QUEUED
    assert lost(claimed().calling(), repeatable=False)[-1].status is Status.FAILED


def test_a_run_lost_while_reconciling_ends() -> None:
    (job,) = lost(claimed().calling().reconciling(), repeatable=True)
    assert job.status is Status.FAILED


def test_a_job_that_loses_every_worker_ends() -> None:
    job = a_job()
    for _ in range(POLICY.max_runs):
        job = lost(job.claimed(at=NOW, deadline_at=NOW + timedelta(seconds=300)), repeatable=True)[-1]
    assert job.failure is not None
    assert job.failure.code == "worker_lost"


def test_a_lost_run_past_its_deadline_times_out() -> None:
    (job,) = lost(claimed(), repeatable=True, now=NOW + timedelta(seconds=301))
    assert job.failure is not None
    assert job.failure.code == "timeout"


def test_a_job_that_never_started_expires() -> None:
    (job,) = after_deadline(a_job(), repeatable=False, now=NOW)
    assert job.failure is not None
    assert job.failure.code == "expired"


def test_pictures_that_cannot_be_stored_are_made_again_only_where_that_is_free() -> None:
    def after(*, repeatable: bool) -> Status:
        job = claimed().calling()
        return after_storage_trouble(job, repeatable=repeatable, policy=POLICY, now=NOW, draw=0.1)[-1].status

    assert (after(repeatable=True), after(repeatable=False)) == (Status.QUEUED, Status.FAILED)


LATE = NOW + timedelta(seconds=301)


def partly_delivered() -> Job:
    return claimed(4).calling().delivered(picture(1))


def stored_late(job: Job, *, repeatable: bool, policy: RetryPolicy = POLICY, now: datetime = NOW) -> tuple[Job, ...]:
    return after_storage_trouble(job, repeatable=repeatable, policy=policy, now=now, draw=0.1)


ONE_RUN = RetryPolicy(max_runs=1)
ENDS_WITH_WHAT_IS_STORED: dict[str, Callable[[Job], tuple[Job, ...]]] = {
    "provider refused": lambda job: after_error(job, error(Outcome.SENT, retryable=False)),
    "provider refused, free": lambda job: after_error(job, error(Outcome.SENT, retryable=False), repeatable=True),
    "provider busy": lambda job: after_error(job, error(Outcome.NOT_SENT)),
    "provider unknown": lambda job: after_error(job, error(Outcome.UNKNOWN)),
    "storage, not repeatable": lambda job: stored_late(job, repeatable=False),
    "storage, no runs left": lambda job: stored_late(job, repeatable=True, policy=ONE_RUN),
    "storage, no time left": lambda job: stored_late(job, repeatable=True, now=LATE),
    "run lost, not repeatable": lambda job: lost(job, repeatable=False),
    "run lost, no time left": lambda job: lost(job, repeatable=True, now=LATE),
    "run lost, not repeatable, no time left": lambda job: lost(job, repeatable=False, now=LATE),
    "run lost, no runs left": lambda job: after_lost_run(job, repeatable=True, policy=ONE_RUN, now=NOW),
    "run lost while reconciling": lambda job: lost(job.reconciling(), repeatable=False),
    "deadline": lambda job: after_deadline(job, repeatable=True, now=LATE),
    "deadline, not repeatable": lambda job: after_deadline(job, repeatable=False, now=LATE),
    "bug": lambda job: after_broken_run(job, repeatable=True, now=NOW),
    "bug, not repeatable": lambda job: after_broken_run(job, repeatable=False, now=NOW),
}


@pytest.mark.parametrize("trouble", ENDS_WITH_WHAT_IS_STORED)
def test_a_run_that_is_not_repeated_ends_with_the_pictures_that_are_stored(trouble: str) -> None:
    job = ENDS_WITH_WHAT_IS_STORED[trouble](partly_delivered())[-1]
    assert (job.status, job.failure, job.captured_credits) == (Status.COMPLETED, None, 2)
    assert job.images == (picture(1),)


def test_a_run_that_is_free_is_repeated_as_a_whole() -> None:
    for changes in (lost(partly_delivered(), repeatable=True), stored_late(partly_delivered(), repeatable=True)):
        assert (changes[-1].status, changes[-1].images) == (Status.QUEUED, ())


@pytest.mark.parametrize("job", [claimed().calling(), partly_delivered()], ids=["generating", "uploading"])
def test_a_call_that_costs_and_is_open_at_the_deadline_is_reconciled(job: Job) -> None:
    reconciling, ended = after_deadline(job, repeatable=False, now=LATE)
    assert reconciling.stage is Stage.RECONCILING
    assert ended.failure is None or ended.failure.code == "timeout"


def test_a_run_that_did_not_call_yet_just_times_out() -> None:
    (job,) = after_deadline(claimed(), repeatable=False, now=LATE)
    assert job.failure is not None
    assert job.failure.code == "timeout"


def test_what_a_bug_did_at_a_provider_that_charges_is_unknown() -> None:
    reconciling, failed = after_broken_run(claimed().calling(), repeatable=False, now=NOW)
    assert reconciling.stage is Stage.RECONCILING
    assert failed.failure is not None
    assert failed.failure.code == "internal"


@given(st.integers(0, 50), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_stay_bounded(retries: int, draw: float) -> None:
    assert 0 <= POLICY.delay_s(retries, draw, at_least=None) <= POLICY.max_delay_s
