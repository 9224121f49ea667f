"""Converts pictures and sets to public bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.api.generations.presenters import urls
from pixel_gateway.adapters.inbound.http.api.images.schemas import ImageView, SetView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_gateway.adapters.inbound.http.routing.request import Request
    from pixel_gateway.domain.image import Addresses, Image, ImageSet


def image_view(image: Image, request: Request, addresses: Mapping[str, Addresses]) -> ImageView:
    """Return the public form of a picture."""
    return ImageView(
        id=image.id,
        set_id=image.set_id,
        user_id=image.user_id,
        generation_id=image.generation_id,
        asset_id=image.asset_id,
        index=image.index,
        prompt=image.prompt,
        model=image.model,
        style=image.style or None,
        width=image.width,
        height=image.height,
        private=image.private,
        seed=image.seed,
        like_count=image.like_count,
        comment_count=image.comment_count,
        view_count=image.view_count,
        created_at=image.create_time,
        **urls(addresses.get(image.asset_id), request),
    )


def set_view(found: ImageSet, request: Request, addresses: Mapping[str, Addresses]) -> SetView:
    """Return the public form of a set."""
    return SetView(
        id=found.id,
        user_id=found.user_id,
        generation_id=found.generation_id,
        images=[image_view(image, request, addresses) for image in found.images],
        created_at=found.create_time,
    )
