from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_generation.domain.errors import IllegalTransition
from pixel_generation.domain.jobs.job import TRANSITIONS, Failure, Job, State, Status, Transition
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.jobs.recovery import (
    RetryPolicy,
    after_broken_run,
    after_cancel,
    after_deadline,
    after_lookup,
    after_lost_run,
    after_provider_error,
    after_storage_trouble,
)
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.domain.work.stage import Stage

from tests.fakes.generation_outputs import image_output

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAILURE = Failure("blocked", "No.", retryable=False)
POLICY = RetryPolicy()


def a_job(images: int = 4) -> Job:
    return Job(
        id=UUID(int=1),
        user_id=UUID(int=2),
        set_id=UUID(int=3),
        work=ImageWork("a fox", number_of_images=images),
        queue="sketch",
        cost_credits=images * 2,
        created_at=NOW,
        scheduled_at=NOW,
        deadline_at=NOW + timedelta(hours=1),
    )


def claimed(images: int = 4) -> Job:
    return a_job(images).claimed(at=NOW, deadline_at=NOW + timedelta(seconds=300))


def picture(index: int) -> Output:
    return image_output(UUID(int=100 + index), index, 1, 1, "image/png", 1)


LATER = NOW + timedelta(hours=1)
MOVES: dict[Transition, Callable[[Job, int], Job]] = {
    Transition.CLAIM: lambda job, _: job.claimed(at=NOW, deadline_at=NOW + timedelta(seconds=300)),
    Transition.CALL: lambda job, _: job.calling(),
    Transition.DELIVER: lambda job, index: job.delivered(picture(index)),
    Transition.ADVANCE: lambda job, index: job.advanced(progress=max(job.progress, index), step=f"step {index}"),
    Transition.REQUEUE: lambda job, index: job.requeued(scheduled_at=NOW, counts_as_retry=index % 2 == 0),
    Transition.REROUTE: lambda job, _: job.rerouted(replace(job, queue="another"), at=NOW),
    Transition.RECONCILE: lambda job, index: job.reconciling(until=NOW + timedelta(seconds=index)),
    Transition.CANCEL: lambda job, _: job.cancelling(at=NOW),
    Transition.STOP: lambda job, _: job.cancelled(at=NOW),
    Transition.COMPLETE: lambda job, _: job.completed(at=NOW),
    Transition.FAIL: lambda job, _: job.failed(FAILURE, at=NOW),
    Transition.RETRY: lambda job, _: job.retried(at=NOW, deadline_at=LATER),
}


def life(moves: list[Transition]) -> list[tuple[Transition, Job, Job]]:
    """Return the possible transitions, each with the job before and after."""
    steps: list[tuple[Transition, Job, Job]] = []
    job = a_job()
    for index, what in enumerate(moves):
        try:
            after = MOVES[what](job, index)
        except IllegalTransition:
            continue
        steps.append((what, job, after))
        job = after
    return steps


@given(st.lists(st.sampled_from(Transition), max_size=40))
def test_any_sequence_of_events_keeps_a_job_consistent(moves: list[Transition]) -> None:
    for what, job, after in life(moves):
        assert after.sequence == job.sequence + 1
        assert after.attempt == job.attempt + (what is Transition.CLAIM)
        assert after.round == job.round + (what is Transition.RETRY)
        assert after.retry_count in ({0} if what is Transition.RETRY else {job.retry_count, job.retry_count + 1})
        assert 0 <= after.progress <= 100
        if after.status is Status.PROCESSING:
            assert after.progress >= job.progress
            assert after.started_at is not None
        assert (after.status is Status.FAILED) == (after.failure is not None)
        assert after.current_step


@given(st.lists(st.sampled_from(Transition), max_size=40))
def test_any_sequence_of_events_settles_at_the_end_only(moves: list[Transition]) -> None:
    for _, _, after in life(moves):
        ended = after.status.is_final
        assert ended == (after.stage is Stage.DONE) == (after.captured_credits is not None) == bool(after.ended_at)
        if after.captured_credits is not None:
            assert after.captured_credits == 2 * len(after.outputs) <= after.cost_credits


@given(st.lists(st.sampled_from(Transition), max_size=60))
def test_any_sequence_of_events_ends_each_round_at_most_once(moves: list[Transition]) -> None:
    ends = Counter(after.round for _, _, after in life(moves) if after.status.is_final)
    assert all(count == 1 for count in ends.values())
    left = {what for what, job, _ in life(moves) if job.status.is_final}
    assert left <= {Transition.RETRY}


def states() -> set[State]:
    return {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values())


def test_every_open_state_can_end_without_outputs() -> None:
    can_end = {state for (state, move), _ in TRANSITIONS.items() if move in {Transition.FAIL, Transition.STOP}}
    assert {state for state in states() if not state[0].is_final} == can_end


def test_every_open_state_can_be_cancelled() -> None:
    can_be = {state for state, move in TRANSITIONS if move in {Transition.CANCEL, Transition.STOP}}
    assert {state for state in states() if not state[0].is_final} == can_be


def test_only_a_retry_of_its_user_leaves_a_final_state() -> None:
    assert {(state[0], move) for state, move in TRANSITIONS if state[0].is_final} == {
        (Status.FAILED, Transition.RETRY),
        (Status.CANCELLED, Transition.RETRY),
    }


def test_a_charged_job_is_not_retried() -> None:
    stopped = claimed(4).calling().delivered(picture(0)).cancelling(at=NOW).cancelled(at=NOW)
    assert (stopped.status, stopped.captured_credits) == (Status.CANCELLED, 2)
    with pytest.raises(IllegalTransition):
        stopped.retried(at=NOW, deadline_at=LATER)


def test_a_retry_starts_a_round_without_the_outputs_of_the_last_one() -> None:
    job = claimed().cancelling(at=NOW).cancelled(at=NOW)
    again = job.retried(at=LATER, deadline_at=LATER)
    assert (again.status, again.round, again.attempt) == (Status.QUEUED, 2, 1)
    assert (again.started_at, again.ended_at, again.captured_credits, again.cancel_requested_at) == (None,) * 4


def test_a_cancelled_run_that_had_delivered_everything_completes() -> None:
    all_there = claimed(1).calling().delivered(picture(0)).cancelling(at=NOW)
    assert [job.status for job in after_cancel(all_there, now=NOW)] == [Status.COMPLETED]
    some = claimed(2).calling().delivered(picture(0)).cancelling(at=NOW)
    assert [job.status for job in after_cancel(some, now=NOW)] == [Status.CANCELLED]


def test_a_job_ends_by_its_users_deadline() -> None:
    job = replace(a_job(), cancel_at=NOW + timedelta(seconds=10))
    running = job.claimed(at=NOW, deadline_at=NOW + timedelta(seconds=300))
    assert running.deadline_at == job.cancel_at
    late = NOW + timedelta(seconds=10)
    for alive in (job, running, running.calling(), running.calling().delivered(picture(0))):
        end = after_deadline(alive, repeatable=False, now=late)[-1]
        assert (end.status, end.failure, len(end.outputs)) == (Status.CANCELLED, None, len(alive.outputs))


def test_pictures_of_a_fallback_cost_what_the_fallback_costs() -> None:
    job = replace(claimed(4), route={"credits_per_unit": 1}).calling().delivered(picture(0)).delivered(picture(1))
    assert job.completed(at=NOW).captured_credits == 2


def test_a_partly_delivered_job_is_paid_in_part() -> None:
    job = claimed(4).calling().delivered(picture(2)).delivered(picture(0)).completed(at=NOW)
    assert (job.status, job.captured_credits) == (Status.COMPLETED, 4)
    assert [image.index for image in job.outputs] == [0, 2]


def test_a_job_without_pictures_does_not_complete() -> None:
    with pytest.raises(IllegalTransition):
        claimed().calling().completed(at=NOW)


def test_every_step_has_a_message() -> None:
    job = claimed(1)
    told = [
        a_job().current_step,
        job.current_step,
        job.calling().current_step,
        job.calling().delivered(picture(0)).current_step,
    ]
    told += [
        job.calling().delivered(picture(0)).completed(at=NOW).current_step,
        job.failed(FAILURE, at=NOW).current_step,
    ]
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


def test_a_request_that_was_not_sent_is_retried_later() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.NOT_SENT))
    assert (job.status, job.retry_count, job.scheduled_at) == (Status.QUEUED, 1, NOW + timedelta(seconds=0.5))


def test_the_retry_after_of_the_provider_is_respected() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.NOT_SENT, after_s=20))
    assert job.scheduled_at == NOW + timedelta(seconds=20)


def test_a_wait_beyond_the_deadline_fails_at_once() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.NOT_SENT, after_s=400))
    assert job.status is Status.FAILED


def test_a_job_is_tried_at_most_three_times() -> None:
    job = a_job()
    for _ in range(2):
        job = job.claimed(at=NOW, deadline_at=NOW + timedelta(seconds=300))
        (job,) = after_error(job.calling(), error(Outcome.NOT_SENT))
    (job,) = after_error(job.claimed(at=NOW, deadline_at=NOW).calling(), error(Outcome.NOT_SENT))
    assert (job.status, job.failure) == (Status.FAILED, Failure("provider_unavailable", "Trouble.", retryable=True))


def test_a_rejection_is_not_retried() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.SENT, retryable=False))
    assert job.status is Status.FAILED


def test_an_unknown_outcome_is_never_repeated_at_a_provider_that_charges() -> None:
    (reconciling,) = after_error(claimed().calling(), error(Outcome.UNKNOWN))
    assert (reconciling.stage, reconciling.deadline_at) == (Stage.RECONCILING, NOW + timedelta(seconds=60))
    (failed,) = after_deadline(reconciling, repeatable=False, now=reconciling.deadline_at)
    assert failed.failure is not None
    assert (failed.failure.code, failed.captured_credits) == ("provider_outcome_unknown", 0)


def test_a_provider_that_reports_the_outcome_resolves_an_unknown_call() -> None:
    def after(outcome: Outcome) -> list[Status]:
        unknown = claimed().calling().reconciling()
        return [job.status for job in after_lookup(unknown, outcome, policy=POLICY, now=NOW)]

    assert (after(Outcome.UNKNOWN), after(Outcome.NOT_SENT), after(Outcome.SENT)) == (
        [],
        [Status.QUEUED],
        [Status.FAILED],
    )


def test_an_unknown_outcome_is_repeated_if_a_second_call_costs_nothing() -> None:
    (job,) = after_error(claimed().calling(), error(Outcome.UNKNOWN), repeatable=True)
    assert job.status is Status.QUEUED


def lost(job: Job, *, repeatable: bool, now: datetime = NOW) -> tuple[Job, ...]:
    return after_lost_run(job, repeatable=repeatable, policy=POLICY, now=now)


def test_a_run_lost_before_its_call_is_repeated_without_counting_an_attempt() -> None:
    (job,) = lost(claimed(), repeatable=False)
    assert (job.status, job.retry_count, job.scheduled_at) == (Status.QUEUED, 0, NOW)


def test_a_run_lost_during_its_call_is_repeated_only_if_that_is_free() -> None:
    assert lost(claimed().calling(), repeatable=True)[-1].status is Status.QUEUED
    assert lost(claimed().calling(), repeatable=False)[-1].stage is Stage.RECONCILING


def test_a_reconciling_job_cannot_lose_a_run() -> None:
    assert lost(claimed().calling().reconciling(), repeatable=True) == ()


def test_a_run_lost_while_cancelling_is_cancelled() -> None:
    (job,) = lost(claimed().calling().cancelling(at=NOW), repeatable=True)
    assert (job.status, job.captured_credits) == (Status.CANCELLED, 0)


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


def test_images_that_cannot_be_stored_are_generated_again_only_if_that_is_free() -> None:
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
    "reconciled in vain": lambda job: after_deadline(job.reconciling(), repeatable=False, now=LATE),
    "deadline": lambda job: after_deadline(job, repeatable=True, now=LATE),
    "deadline, not repeatable": lambda job: after_deadline(job, repeatable=False, now=LATE),
    "bug": lambda job: after_broken_run(job, repeatable=True, now=NOW),
    "bug, not repeatable": lambda job: after_broken_run(job, repeatable=False, now=NOW),
}


@pytest.mark.parametrize("trouble", ENDS_WITH_WHAT_IS_STORED)
def test_a_run_that_is_not_repeated_ends_with_the_pictures_that_are_stored(trouble: str) -> None:
    job = ENDS_WITH_WHAT_IS_STORED[trouble](partly_delivered())[-1]
    assert (job.status, job.failure, job.captured_credits) == (Status.COMPLETED, None, 2)
    assert job.outputs == (picture(1),)


def test_a_free_run_is_repeated_from_the_start() -> None:
    for changes in (lost(partly_delivered(), repeatable=True), stored_late(partly_delivered(), repeatable=True)):
        assert (changes[-1].status, changes[-1].outputs) == (Status.QUEUED, ())


@pytest.mark.parametrize("job", [claimed().calling(), partly_delivered()], ids=["generating", "uploading"])
def test_a_paid_call_open_at_the_deadline_is_reconciled(job: Job) -> None:
    reconciling, ended = after_deadline(job, repeatable=False, now=LATE)
    assert reconciling.stage is Stage.RECONCILING
    assert ended.failure is None or ended.failure.code == "timeout"


def test_a_run_without_a_call_times_out_at_the_deadline() -> None:
    (job,) = after_deadline(claimed(), repeatable=False, now=LATE)
    assert job.failure is not None
    assert job.failure.code == "timeout"


def test_a_bug_during_a_paid_call_leaves_its_outcome_unknown() -> None:
    reconciling, failed = after_broken_run(claimed().calling(), repeatable=False, now=NOW)
    assert reconciling.stage is Stage.RECONCILING
    assert failed.failure is not None
    assert failed.failure.code == "internal"


@given(st.integers(0, 50), st.floats(0, 1, exclude_max=True))
def test_retry_pauses_grow_and_stay_bounded(retries: int, draw: float) -> None:
    assert 0 <= POLICY.delay_s(retries, draw, at_least=None) <= POLICY.max_delay_s
