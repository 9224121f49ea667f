"""Events for tests: real messages of the catalogue with short contents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from pixel.social.v1 import events_pb2 as social
from pixel_events import CATALOGUE, Event

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTIVITIES = "user.activities"
NOTED_AT = datetime(2026, 5, 4, 12, 30, 15, 250_000, tzinfo=UTC)


def activity(key: str, what: str, *, headers: Mapping[str, str] | None = None) -> Event:
    """Return an activity event."""
    message = social.UserActivity(user_id=key, type="image_liked", resource_id=what)
    return Event(
        topic=ACTIVITIES,
        key=key,
        type=CATALOGUE[ACTIVITIES].message.DESCRIPTOR.full_name,
        value=message.SerializeToString(),
        id=str(uuid4()),
        source="/tests",
        time=NOTED_AT,
        headers=headers or {},
    )


def subject_of(event: Event) -> str:
    """Return the subject of an activity event."""
    message = event.message()
    assert isinstance(message, social.UserActivity)
    return message.resource_id
