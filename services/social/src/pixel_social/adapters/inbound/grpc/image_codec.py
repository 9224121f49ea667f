"""Converts images to messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.social.v1 import sets_service_pb2 as pb
from pixel_runtime.ids import format_id

from pixel_social.adapters.inbound.grpc.fields import write_time

if TYPE_CHECKING:
    from pixel_social.domain.images.image import Image


def write_image(image: Image) -> pb.Image:
    return pb.Image(
        id=format_id("img", image.id),
        user_id=format_id("usr", image.user_id),
        set_id=format_id("set", image.set_id),
        asset_id=format_id("ast", image.id),
        generation_id=format_id("gen", image.generation_id),
        index=image.index,
        prompt=image.prompt,
        model=image.model,
        style=image.style,
        width=image.width,
        height=image.height,
        private=image.private,
        like_count=image.like_count,
        comment_count=image.comment_count,
        view_count=image.view_count,
        create_time=write_time(image.created_at),
        seed=image.seed,
    )
