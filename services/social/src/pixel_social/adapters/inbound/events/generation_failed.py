"""Turns failed generations into notifications of their owner."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from pixel.generation.v1 import events_pb2
from pixel_errors import Invalid
from pixel_runtime.ids import parse_id

from pixel_social.adapters.metrics import NOTIFIED
from pixel_social.domain.notifications.notification import NotificationEvent, NotificationKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_events import Event

    from pixel_social.application import Application

FAILURES = "image.generation.failed"


def on_generation_failed(app: Application) -> Callable[[Event], Awaitable[None]]:
    """Return the handler of `image.generation.failed`."""

    async def handle(event: Event) -> None:
        message = event.message()
        if not isinstance(message, events_pb2.ImageGenerationFailed):
            raise Invalid(f"Unexpected message {event.type} in {event.topic}.")
        notification_event = read_failed(message)
        if await app.notify(event.id, notification_event):
            NOTIFIED.labels(notification_event.kind).inc()

    return handle


def read_failed(message: events_pb2.ImageGenerationFailed) -> NotificationEvent:
    """Convert the message to a NotificationEvent; raise Invalid when an id or time is malformed."""
    try:
        return NotificationEvent(
            user_id=parse_id("usr", message.user_id),
            kind=NotificationKind.GENERATION_FAILED,
            reason=message.failure.code,
            resource_id=parse_id("gen", message.request_id),
            happened_at=message.failed_at.ToDatetime(tzinfo=UTC),
        )
    except ValueError as error:
        raise Invalid(f"A failed generation has a malformed id or time: {error}") from error
