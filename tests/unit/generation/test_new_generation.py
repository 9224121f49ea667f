"""Options of a submission, and errors of rejections."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pixel.generation.v1 import generation_pb2 as gen
from pixel.generation.v1 import generations_service_pb2 as pb
from pixel_errors import PixelError
from pixel_generation.adapters.inbound.grpc.generations.read_submission import read_submission
from pixel_generation.application.submission.new_job import JobLimits, SubmitGeneration, new_generation
from pixel_generation.application.submission.ports import Decision, NewGeneration, Verdict
from pixel_generation.application.submission.rejections import rejection
from pixel_generation.domain.jobs.job import Priority
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import MESSAGES

from tests.fakes.generation import FakeRandomness, a_user
from tests.fakes.generation_catalogue import SKETCH, FakeCatalogue

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FOX = SubmitGeneration(a_user(), ImageWork("a fox", number_of_images=3))
LIMITS = JobLimits(timedelta(hours=24), 2)


def new(**changes: Any) -> NewGeneration:
    command = replace(FOX, **changes)
    return new_generation(command, FakeCatalogue().catalogue, now=NOW, randomness=FakeRandomness(), limits=LIMITS)


def refused(**changes: Any) -> tuple[str, str]:
    with pytest.raises(PixelError) as caught:
        new(**changes)
    return caught.value.code, caught.value.violations[0].field


def test_a_new_job_has_the_requested_values() -> None:
    key = a_user()
    job = new(
        priority=Priority.LOW, api_key_id=key, end_user="customer 7", metadata={"team": "north"}, cancel_after_s=90.0
    ).job
    assert (job.priority, job.api_key_id, job.end_user, job.metadata) == (1 + 1, key, "customer 7", {"team": "north"})
    assert (job.cancel_at, job.deadline_at) == (NOW + timedelta(seconds=90), NOW + timedelta(seconds=90))
    assert (job.price_id, job.route["model"], job.cost_credits) == (job.price_id, "studio-sketch", 3)
    assert job.price_id


def test_the_queue_deadline_of_a_scheduled_job_counts_from_its_time() -> None:
    later = NOW + timedelta(days=3)
    job = new(schedule_time=later).job
    assert (job.scheduled_at, job.created_at, job.deadline_at) == (later, NOW, later + LIMITS.max_wait)


def test_a_schedule_time_just_past_means_now() -> None:
    assert new(schedule_time=NOW - timedelta(seconds=59)).job.scheduled_at == NOW


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schedule_time": NOW - timedelta(seconds=61)}, "scheduledAt"),
        ({"schedule_time": NOW + timedelta(days=30, seconds=1)}, "scheduledAt"),
        ({"cancel_after_s": 0.5}, "cancelAfter"),
        ({"cancel_after_s": 86_401.0}, "cancelAfter"),
        ({"cancel_after_s": -1.0}, "cancelAfter"),
        ({"cancel_after_s": float("nan")}, "cancelAfter"),
        ({"cancel_after_s": 60.0, "schedule_time": NOW + timedelta(seconds=60)}, "cancelAfter"),
        ({"max_retries": -1}, "maxRetries"),
        ({"max_retries": 11}, "maxRetries"),
        ({"end_user": "x" * 201}, "user"),
        ({"end_user": "a\0b"}, "user"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"metadata": {"": "x"}}, "metadata"),
        ({"metadata": {"k" * 65: "x"}}, "metadata"),
        ({"metadata": {"k": "x" * 513}}, "metadata"),
        ({"metadata": {"k": "\ud800"}}, "metadata"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    assert refused(**changes) == ("INVALID", field)


@pytest.mark.parametrize("kind", ["edit", "compose", "video", "carousel"])
def test_unsupported_work_is_refused(kind: str) -> None:
    with pytest.raises(PixelError) as caught:
        read_submission(submission(kind=kind), MESSAGES)
    assert caught.value.code == "JOB_TYPE_NOT_AVAILABLE"
    assert caught.value.detail == f"This server cannot run {kind} jobs. Accepted: image."
    assert (caught.value.metadata["accepted"], caught.value.violations[0].field) == ("image", "jobType")


@pytest.mark.parametrize("asked", ["", "studio-sketch", "auto"])
def test_a_model_without_a_price_is_never_accepted(asked: str) -> None:
    catalogue = FakeCatalogue(replace(SKETCH, prices=())).catalogue
    command = replace(FOX, work=ImageWork("a fox", model=asked))
    with pytest.raises(PixelError) as caught:
        new_generation(command, catalogue, now=NOW, randomness=FakeRandomness(), limits=LIMITS)
    assert caught.value.code == ("MODEL_UNAVAILABLE" if asked == "auto" else "PRICE_UNKNOWN")


def test_a_different_request_with_the_same_key_has_another_fingerprint() -> None:
    plain = FOX.fingerprint()
    assert plain == FOX.work.fingerprint()
    wishes: list[dict[str, Any]] = [
        {"priority": Priority.LOW}, {"end_user": "x"}, {"metadata": {"a": "b"}}, {"adjust": True},
        {"allow_fallback": True}, {"cancel_after_s": 5.0}, {"schedule_time": NOW},
        {"max_retries": 0},
    ]  # fmt: skip
    assert len({plain, *(replace(FOX, **wish).fingerprint() for wish in wishes)}) == 1 + len(wishes)
    assert replace(FOX, api_key_id=a_user()).fingerprint() == plain


@pytest.mark.parametrize(
    ("decision", "reason", "kind"),
    [
        (Decision(Verdict.INSUFFICIENT, FOX.user_id, 2), "INSUFFICIENT_CREDITS", "failed_precondition"),
        (Decision(Verdict.DAILY_LIMIT, FOX.user_id, limit=5), "DAILY_LIMIT_REACHED", "failed_precondition"),
        (Decision(Verdict.BUDGET, FOX.user_id, scope="key", period="day"), "BUDGET_EXHAUSTED", "failed_precondition"),
        (Decision(Verdict.PRICE_UNKNOWN, FOX.user_id), "PRICE_UNKNOWN", "invalid"),
        (Decision(Verdict.PRIORITY, FOX.user_id), "PRIORITY_NOT_ALLOWED", "forbidden"),
        (Decision(Verdict.TOO_MANY_OPEN_JOBS, FOX.user_id, limit=9), "TOO_MANY_OPEN_JOBS", "exhausted"),
        (Decision(Verdict.QUEUE_CLOSED, FOX.user_id), "QUEUE_CLOSED", "unavailable"),
        (Decision(Verdict.MOVED, FOX.user_id), "ILLEGAL_TRANSITION", "conflict"),
        (Decision(Verdict.ARCHIVED, FOX.user_id), "GENERATION_ARCHIVED", "conflict"),
        (Decision(Verdict.KEY_REUSED, FOX.user_id), "IDEMPOTENCY_KEY_REUSED", "invalid"),
    ],
)
def test_each_verdict_has_its_reason(decision: Decision, reason: str, kind: str) -> None:
    told = rejection(new(), decision, now=NOW)
    assert (told.code, told.kind) == (reason, kind)


def test_a_rejection_has_the_end_of_the_day_and_the_spent_budget() -> None:
    day = rejection(new(), Decision(Verdict.DAILY_LIMIT, FOX.user_id, limit=5), now=NOW)
    assert day.metadata == {"limit": "5", "reset": "2026-01-02T00:00:00+00:00"}
    budget = rejection(new(), Decision(Verdict.BUDGET, FOX.user_id, scope="provider", period="month"), now=NOW)
    assert budget.metadata == {"scope": "provider", "period": "month"}


def submission(**fields: Any) -> pb.Submission:
    return pb.Submission(user_id="usr_" + "1" * 32, image=gen.ImageWork(prompt="a fox"), **fields)


def test_a_submission_is_read_with_all_its_fields() -> None:
    message = submission(
        priority=gen.JOB_PRIORITY_HIGH, kind="image", cancel_after_seconds=30, end_user="c",
        api_key_id="key_" + "2" * 32, metadata={"a": "b"}, adjust=True, allow_fallback=True, max_retries=0,
    )  # fmt: skip
    message.schedule_time.FromDatetime(NOW)
    command = read_submission(message, MESSAGES)
    assert (command.priority, command.work.kind, command.schedule_time) == (Priority.HIGH, "image", NOW)
    assert command.api_key_id is not None
    assert command.api_key_id.hex == "2" * 32
    assert (command.cancel_after_s, command.end_user, command.metadata) == (30.0, "c", {"a": "b"})
    assert command.adjust
    assert command.allow_fallback
    assert command.max_retries == 0


def test_omitted_fields_of_a_submission_get_defaults() -> None:
    command = read_submission(submission(), MESSAGES)
    assert (command.priority, command.work.kind) == (Priority.NORMAL, "image")
    assert (command.schedule_time, command.api_key_id, command.cancel_after_s) == (None, None, 0.0)
    assert command.max_retries is None


@pytest.mark.parametrize(("asked", "kept"), [(None, LIMITS.max_retries), (0, 0), (10, 10)])
def test_a_job_has_the_requested_number_of_attempts(asked: int | None, kept: int) -> None:
    assert new(max_retries=asked).job.max_retries == kept


@pytest.mark.parametrize("fields", [{"priority": 9}, {"api_key_id": "gen_1"}])
def test_an_unknown_enum_value_is_refused_with_its_field(fields: dict[str, Any]) -> None:
    with pytest.raises(PixelError) as caught:
        read_submission(submission(**fields), MESSAGES)
    assert caught.value.code == "INVALID"
