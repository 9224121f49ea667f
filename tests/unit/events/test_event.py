from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_errors import Invalid
from pixel_events import CATALOGUE, Event, EventTooLarge, MalformedEvent, UnknownTopic
from pixel_events.event import read_event, require_fit, wire_headers

from tests.fakes.events import ACTIVITIES, activity, subject_of

STORED_AT = datetime(2026, 1, 2, tzinfo=UTC)


def carried(event: Event, *, partition: int = 3, offset: int = 7) -> Event:
    """Write an event as a record and read it back."""
    return read_event(
        event.topic,
        key=event.key.encode("utf-8", "surrogateescape"),
        value=event.value,
        headers=wire_headers(event),
        stored_at=STORED_AT,
        partition=partition,
        offset=offset,
    )


@given(
    key=st.text(), what=st.text(max_size=200), headers=st.dictionaries(st.text(min_size=1).map("x-".__add__), st.text())
)
def test_an_event_survives_encoding_and_decoding(key: str, what: str, headers: dict[str, str]) -> None:
    sent = activity(key, what, headers=headers)
    assert carried(sent) == replace(sent, partition=3, offset=7)
    assert subject_of(carried(sent)) == what


def test_attributes_are_sent_in_cloudevents_headers() -> None:
    event = activity("usr_a", "x", headers={"traceparent": "00-1-2-01"})
    assert dict(wire_headers(event)) == {
        "ce_specversion": "1.0",
        "ce_id": event.id.encode(),
        "ce_type": b"pixel.social.v1.UserActivity",
        "ce_source": b"/tests",
        "ce_time": b"2026-05-04T12:30:15.250000+00:00",
        "content-type": "application/protobuf",
        "traceparent": b"00-1-2-01",
    }


@pytest.mark.parametrize(
    "broken",
    [
        {"value": b"\xff\xff\xff"},
        {"type": "pixel.social.v1.UserNotification"},
        {"type": ""},
        {"id": ""},
        {"id": "not-a-uuid"},
    ],
)
def test_a_record_that_is_not_an_event_of_its_topic_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        replace(activity("usr_a", "x"), **broken).message()


@given(
    key=st.none() | st.binary(),
    value=st.binary(),
    headers=st.lists(
        st.tuples(st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_source", "odd"]), st.none() | st.binary())
    ),
)
def test_any_foreign_record_can_be_read_and_is_refused_as_invalid(
    key: bytes | None, value: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    event = read_event(ACTIVITIES, key=key, value=value, headers=headers, stored_at=STORED_AT, partition=0, offset=0)
    assert event.time.tzinfo is not None
    assert event.key.encode("utf-8", "surrogateescape") == (key or b"")
    with pytest.raises(Invalid):
        event.message()


def test_a_time_that_cannot_be_read_becomes_the_time_of_storage() -> None:
    event = read_event(
        ACTIVITIES, key=b"", value=b"", headers=[("ce_time", b"noon")], stored_at=STORED_AT, partition=0, offset=0
    )
    assert event.time == STORED_AT


def test_a_record_too_large_for_its_topic_does_not_fit() -> None:
    topic = CATALOGUE[ACTIVITIES]
    require_fit(topic, key="k", value=b"x" * 1_000_000, headers={})
    with pytest.raises(EventTooLarge):
        require_fit(topic, key="k", value=b"x" * topic.max_message_bytes, headers={})


def test_an_event_of_an_unknown_topic_is_refused() -> None:
    with pytest.raises(UnknownTopic):
        replace(activity("usr_a", "x"), topic="elsewhere").message()
