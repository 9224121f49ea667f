"""Events published by this service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.social.v1 import events_pb2
from pixel_events import OutboxEvent
from pixel_runtime.ids import format_id

if TYPE_CHECKING:
    from pixel_social.domain.images.image import Image

TOPIC = "user.activities"


def image_generated(image: Image) -> OutboxEvent:
    """Return the `image_generated` activity of an image; private images are marked as such."""
    user_id = format_id("usr", image.user_id)
    message = events_pb2.UserActivity(
        user_id=user_id,
        type="image_generated",
        resource_id=format_id("img", image.id),
    )
    message.timestamp.FromDatetime(image.created_at)
    message.metadata.update(
        {
            "generationId": format_id("gen", image.generation_id),
            "model": image.model,
            "private": image.private,
            "setId": format_id("set", image.set_id),
            "style": image.style,
        }
    )
    return OutboxEvent(topic=TOPIC, key=user_id, message=message)
