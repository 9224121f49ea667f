"""Converts sets to messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.social.v1 import sets_service_pb2 as pb
from pixel_runtime.ids import format_id

from pixel_social.adapters.inbound.grpc.fields import write_time
from pixel_social.adapters.inbound.grpc.image_codec import write_image

if TYPE_CHECKING:
    from pixel_social.domain.images.image import ImageSet


def write_set(image_set: ImageSet) -> pb.ImageSet:
    return pb.ImageSet(
        id=format_id("set", image_set.id),
        user_id=format_id("usr", image_set.user_id),
        generation_id=format_id("gen", image_set.generation_id),
        images=[write_image(image) for image in image_set.images],
        create_time=write_time(image_set.created_at),
    )
