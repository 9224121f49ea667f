"""Bodies of the catalogue of models."""

from __future__ import annotations

import msgspec


class RatioView(msgspec.Struct, rename="camel"):
    """An aspect ratio and the model's size for it."""

    ratio: str
    width: int
    height: int


class ModelView(msgspec.Struct, rename="camel"):
    """A model of the catalogue."""

    id: str
    provider: str
    name: str
    aliases: list[str]
    credits_per_image: int
    aspect_ratios: list[RatioView]
    styles: list[str]
    qualities: list[str]
    max_images: int
    available: bool


class ModelPage(msgspec.Struct, rename="camel"):
    """The catalogue."""

    items: list[ModelView]
    next_cursor: None
