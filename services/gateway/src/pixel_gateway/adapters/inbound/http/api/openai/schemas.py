"""Bodies in OpenAI's format."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

_Text = Annotated[str, Meta(min_length=1, max_length=64)]


class CreateImages(msgspec.Struct):
    """A request of OpenAI clients. Unknown fields are ignored, unsupported values are refused."""

    prompt: Annotated[str, Meta(min_length=1, max_length=4000)]
    model: _Text | None = None
    n: Annotated[int, Meta(ge=1, le=10)] | None = None
    size: _Text | None = None
    quality: _Text | None = None
    style: _Text | None = None
    response_format: _Text | None = None
    user: Annotated[str, Meta(max_length=200)] | None = None
    safety_identifier: Annotated[str, Meta(max_length=200)] | None = None
    background: _Text | None = None
    moderation: _Text | None = None
    output_format: _Text | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    stream: bool | None = None
    seed: Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_807)] | None = None


class ImageData(msgspec.Struct, omit_defaults=True):
    """One picture: its URL or its bytes in base 64."""

    url: str | None = None
    b64_json: str | None = None


class Usage(msgspec.Struct):
    """The token usage of the pictures."""

    cost_credits: int


class ImagesAnswer(msgspec.Struct):
    """The pictures, with their durable job."""

    created: int
    data: list[ImageData]
    usage: Usage
    generation_id: str
    set_id: str


class ModelData(msgspec.Struct):
    """A model."""

    id: str
    object: str
    created: int
    owned_by: str


class ModelsAnswer(msgspec.Struct):
    """The available models."""

    object: str
    data: list[ModelData]
