"""Replaying the events of a job gives the job."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_generation.domain.jobs.job import Adjustment, HoldReason, Job, Priority, Transition
from pixel_generation.domain.jobs.replay import FACTS, NotReplayable, RecordedEvent, facts_of, fold

from tests.unit.generation.test_job import NOW, a_job, life


def recorded(job: Job, facts: dict[str, object]) -> RecordedEvent:
    stored = json.loads(json.dumps(facts))
    return RecordedEvent(job.id, job.sequence, job.status, job.stage, job.progress, job.failure, stored)


def first(job: Job) -> RecordedEvent:
    """All fields of the submission."""
    other = replace(job, **{name: object() for name in FACTS})  # type: ignore[arg-type]
    return recorded(job, facts_of(other, job))


@given(st.lists(st.sampled_from(Transition), max_size=40))
def test_replaying_the_events_of_any_job_gives_the_job(moves: list[Transition]) -> None:
    job = a_job()
    events = [first(job)]
    for _, before, job in life(moves):
        events.append(recorded(job, facts_of(before, job)))
    assert fold(events) == job


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
    assert fold([first(job)]) == job


def test_the_hold_reason_is_in_no_event() -> None:
    assert facts_of(a_job(), replace(a_job(), hold_reason=HoldReason.CAPPED)) == {}


def test_events_with_a_gap_cannot_be_replayed() -> None:
    job = a_job()
    claimed = job.claimed(at=NOW, deadline_at=NOW)
    later = recorded(claimed.calling(), {})
    for events in ([], [later], [first(job), later]):
        with pytest.raises(NotReplayable):
            fold(events)


def test_events_without_the_submission_cannot_be_replayed() -> None:
    with pytest.raises(NotReplayable, match="cost_credits"):
        fold([recorded(a_job(), {})])
