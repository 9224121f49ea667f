"""Converts models to public bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.api.models.schemas import ModelView, RatioView

if TYPE_CHECKING:
    from pixel_gateway.domain.generation import Model


def model_view(model: Model) -> ModelView:
    """Return the public form of a model."""
    return ModelView(
        id=model.id,
        provider=model.provider,
        name=model.display_name,
        aliases=[*model.aliases],
        credits_per_image=model.credits_per_image,
        aspect_ratios=[RatioView(*ratio) for ratio in model.aspect_ratios],
        styles=[*model.styles],
        qualities=[*model.qualities],
        max_images=model.max_images,
        available=model.available,
    )
