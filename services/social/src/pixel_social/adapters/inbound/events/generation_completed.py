"""Events of other services: translate and call one use case."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from pixel.generation.v1 import events_pb2
from pixel_errors import Invalid
from pixel_runtime.ids import parse_id

from pixel_social.adapters.metrics import RECORDED_IMAGES
from pixel_social.application.sets.record_set import RecordSet
from pixel_social.domain.images.image import Image, ImageSet, hot_score

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_events import Event

    from pixel_social.application import Application

COMPLETIONS = "image.generation.complete"


def on_generation_completed(app: Application) -> Callable[[Event], Awaitable[None]]:
    """Return the handler of `image.generation.complete`."""

    async def handle(event: Event) -> None:
        message = event.message()
        if not isinstance(message, events_pb2.ImageGenerationCompleted):
            raise Invalid(f"Unexpected message {event.type} in {event.topic}.")
        image_set = read_completed(message)
        if await app.record_set(RecordSet(event_id=event.id, image_set=image_set)):
            for image in image_set.images:
                RECORDED_IMAGES[image.private].inc()

    return handle


def read_completed(message: events_pb2.ImageGenerationCompleted) -> ImageSet:
    """Convert the message to a set; raise Invalid when an id or time is malformed."""
    try:
        set_id = parse_id("set", message.set_id)
        user_id = parse_id("usr", message.user_id)
        generation_id = parse_id("gen", message.request_id)
        created_at = message.completed_at.ToDatetime(tzinfo=UTC)
        asset_ids = [parse_id("ast", image.asset_id) for image in message.outputs]
    except ValueError as error:
        raise Invalid(f"A completed generation has a malformed id or time: {error}") from error
    work = message.work
    images = tuple(
        Image(
            id=asset_id,
            user_id=user_id,
            set_id=set_id,
            generation_id=generation_id,
            index=image.index,
            prompt=work.prompt,
            model=work.model,
            style=work.style,
            width=image.width,
            height=image.height,
            private=work.private,
            created_at=created_at,
            seed=image.seed if image.HasField("seed") else None,
            hot=hot_score(created_at),
        )
        for asset_id, image in zip(asset_ids, message.outputs, strict=True)
    )
    return ImageSet(set_id, user_id, generation_id, created_at, images)
