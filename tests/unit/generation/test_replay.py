"""Replaying the events of a job gives the job."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_generation.domain.jobs.job import HoldReason, Job, Priority, Status, Transition
from pixel_generation.domain.jobs.replay import FACTS, NotReplayable, RecordedEvent, facts_of, fold
from pixel_generation.domain.work.adjustment import Adjustment
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.domain.work.stage import Stage
from pixel_generation.wiring.kinds import KINDS

from tests.unit.generation.test_job import NOW, a_job, life

SUBMITTED_BEFORE = """{
    "lane": "sketch", "plan": "free", "trace": {}, "route": {"rule": "default", "model": "studio-sketch",
    "candidates": [], "fallback_models": [], "credits_per_image": 1}, "set_id": "01900000-0000-7000-8000-000000000002",
    "spec": {"seed": 7, "size": "512x512", "model": "studio-sketch", "style": "", "prompt": "a fox", "private": false,
    "quality": "", "parameters": {}, "aspect_ratio": "", "custom_prompt": "", "number_of_images": 1},
    "user_id": "01900000-0000-7000-8000-000000000001", "end_user": "", "job_type": "image", "metadata": {},
    "price_id": "studio-sketch/1", "priority": 1, "cancel_at": null, "api_key_id": null, "created_at":
    "2026-01-01T00:00:00+00:00", "adjustments": [], "deadline_at": "2026-01-02T00:00:00+00:00", "max_retries": 2,
    "start_after": null, "cost_credits": 1, "scheduled_at": "2026-01-01T00:00:00+00:00", "start_before": null}"""
DELIVERED_BEFORE = """{"images": [{"asset_id": "01900000000070008000000000000003", "index": 0, "width": 512,
    "height": 512, "content_type": "image/png", "size_bytes": 10, "seed": 7}]}"""


def recorded(job: Job, facts: dict[str, object]) -> RecordedEvent:
    stored = json.loads(json.dumps(facts))
    return RecordedEvent(job.id, job.sequence, job.status, job.stage, job.progress, job.failure, stored)


def first(job: Job) -> RecordedEvent:
    """All fields of the submission."""
    other = replace(job, **{name: object() for name in FACTS})  # type: ignore[arg-type]
    return recorded(job, facts_of(other, job) | {"kind": job.kind})


@given(st.lists(st.sampled_from(Transition), max_size=40))
def test_replaying_the_events_of_any_job_gives_the_job(moves: list[Transition]) -> None:
    job = a_job()
    events = [first(job)]
    for _, before, job in life(moves):
        events.append(recorded(job, facts_of(before, job)))
    assert fold(events, KINDS) == job


def test_every_field_of_a_submission_survives() -> None:
    job = replace(
        a_job(),
        priority=Priority.LOW,
        api_key_id=a_job().id,
        end_user="a",
        metadata={"team": "x"},
        price_id="studio-sketch/1",
        route={"model": "studio-sketch"},
        adjustments=(Adjustment("size", "1x1", "512x512"),),
        cancel_at=NOW,
        start_after=NOW,
        start_before=NOW,
        trace={"traceparent": "00-1"},
    )
    assert fold([first(job)], KINDS) == job


def test_events_of_earlier_releases_are_read_by_their_former_names() -> None:
    """Stored by the previous release, identical except for the ids."""
    events = [
        RecordedEvent(a_job().id, 1, Status.QUEUED, Stage.WAITING, 0, None, json.loads(SUBMITTED_BEFORE)),
        RecordedEvent(a_job().id, 2, Status.PROCESSING, Stage.STARTING, 10, None, {"attempt": 1}),
        RecordedEvent(a_job().id, 3, Status.PROCESSING, Stage.GENERATING, 50, None, {}),
        RecordedEvent(a_job().id, 4, Status.PROCESSING, Stage.UPLOADING, 95, None, json.loads(DELIVERED_BEFORE)),
    ]
    job = fold(events, KINDS)
    assert job.work == ImageWork("a fox", model="studio-sketch", number_of_images=1, size="512x512", seed=7)
    assert (job.kind, job.queue, job.route["credits_per_unit"]) == ("image", "sketch", 1)
    (output,) = job.outputs
    assert (output.content_type, output.facts) == ("image/png", {"width": 512, "height": 512, "seed": 7})
    assert "images" not in facts_of(a_job(), job)


def test_the_hold_reason_is_in_no_event() -> None:
    assert facts_of(a_job(), replace(a_job(), hold_reason=HoldReason.CAPPED)) == {}


def test_events_with_a_gap_cannot_be_replayed() -> None:
    job = a_job()
    claimed = job.claimed(at=NOW, deadline_at=NOW)
    later = recorded(claimed.calling(), {})
    for events in ([], [later], [first(job), later]):
        with pytest.raises(NotReplayable):
            fold(events, KINDS)


def test_events_without_the_submission_cannot_be_replayed() -> None:
    with pytest.raises(NotReplayable, match="cost_credits"):
        fold([recorded(a_job(), {})], KINDS)
