"""Bodies in OpenAI's format."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from pixel_limits import generation as limits

_Prompt = Annotated[str, Meta(min_length=1, max_length=limits.IMAGE_WORK_PROMPT_MAX_LEN)]
_Count = Annotated[int, Meta(ge=1, le=limits.IMAGE_WORK_NUMBER_OF_IMAGES_LTE)]
_EndUser = Annotated[str, Meta(max_length=limits.SUBMISSION_END_USER_MAX_LEN)]
_Seed = Annotated[int, Meta(ge=0, le=limits.IMAGE_WORK_SEED_LTE)]
_Text = Annotated[str, Meta(min_length=1, max_length=64)]


class CreateImages(msgspec.Struct):
    """A request of OpenAI clients. Unknown fields are ignored, unsupported values are refused."""

    prompt: _Prompt
    model: _Text | None = None
    n: _Count | None = None
    size: _Text | None = None
    quality: _Text | None = None
    style: _Text | None = None
    response_format: _Text | None = None
    user: _EndUser | None = None
    safety_identifier: _EndUser | None = None
    background: _Text | None = None
    moderation: _Text | None = None
    output_format: _Text | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    stream: bool | None = None
    seed: _Seed | None = None


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
