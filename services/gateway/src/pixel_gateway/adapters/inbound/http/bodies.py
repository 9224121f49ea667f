"""Bodies of requests and answers: the public words, in camel case."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated

import msgspec
from msgspec import Meta

from pixel_gateway.adapters.inbound.http.money_bodies import (  # noqa: TC001  msgspec reads the annotations
    AdjustmentView,
    RouteView,
)


class Links(msgspec.Struct, rename="camel"):
    """Absolute addresses about a generation."""

    self: str
    status: str
    events: str
    socket: str
    set: str
    cancel: str
    retry: str
    receipt: str
    log: str


class Eta(msgspec.Struct, rename="camel"):
    """Interval in which the generation is expected to start, in seconds from now."""

    min_seconds: float
    max_seconds: float


class GenerationError(msgspec.Struct, rename="camel"):
    """Why a generation ended without its pictures."""

    code: str
    message: str
    retryable: bool


class ResultImage(msgspec.Struct, rename="camel"):
    """A delivered picture; addresses are null while they cannot be looked up."""

    id: str
    asset_id: str
    index: int
    width: int
    height: int
    content_type: str
    size_bytes: int
    seed: int | None
    url: str | None
    thumbnail_url: str | None
    preview_url: str | None
    url_expires_at: datetime | None


class GenerationView(msgspec.Struct, rename="camel"):
    """A request for pictures and everything known about it."""

    id: str
    request_id: str
    status: str
    stage: str
    progress: int
    current_step: str
    sequence: int
    prompt: str
    model: str
    number_of_images: int
    style: str | None
    quality: str | None
    aspect_ratio: str | None
    size: str | None
    custom_prompt: str | None
    seed: int | None
    private: bool
    set_id: str
    result_images: list[ResultImage]
    error: GenerationError | None
    cost_credits: int
    captured_credits: int | None
    queue_position: int | None
    eta: Eta | None
    estimated_time_remaining: float | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    job_type: str
    priority: str
    round: int
    scheduled_at: datetime | None
    cancel_at: datetime | None
    waits_for: str | None
    position_reason: str | None
    adjustments: list[AdjustmentView]
    route: RouteView | None
    user: str | None
    metadata: dict[str, str]
    links: Links


class Accepted(msgspec.Struct, rename="camel"):
    """A generation was accepted."""

    success: bool
    data: GenerationView


class GenerationPage(msgspec.Struct, rename="camel"):
    """Generations, newest first."""

    items: list[GenerationView]
    next_cursor: str | None


class ProgressEvent(msgspec.Struct, rename="camel"):
    """One stored event; `type` is `progress`, `completed`, `failed` or `cancelled` (or `snapshot`, `resync`)."""

    type: str
    generation_id: str
    sequence: int
    status: str
    stage: str
    progress: int
    current_step: str
    set_id: str
    error: GenerationError | None
    time: datetime


class ProgressView(msgspec.Struct, rename="camel"):
    """Where a generation stands."""

    generation_id: str
    status: str
    stage: str
    progress: int
    current_step: str
    sequence: int
    set_id: str
    estimated_time_remaining: float | None
    result_images: list[ResultImage]
    error: GenerationError | None
    events: list[ProgressEvent] | None


class ProcessingUpdate(msgspec.Struct, rename="camel"):
    """A message of the progress socket.

    `status`, and `type` as its other name, has the words queued, processing, complete and failed. `event` is
    `progress`, `completed`, `failed` or `cancelled` (or `snapshot`, `resync`).
    """

    type: str
    event: str
    request_id: str
    status: str
    generation_status: str
    stage: str
    progress: int
    message: str
    sequence: int
    set_id: str
    error: str | None
    error_code: str | None
    time: datetime


class ImageView(msgspec.Struct, rename="camel"):
    """A picture in a set or the feed."""

    id: str
    set_id: str
    user_id: str
    generation_id: str
    asset_id: str
    index: int
    prompt: str
    model: str
    style: str | None
    width: int
    height: int
    private: bool
    seed: int | None
    like_count: int
    comment_count: int
    view_count: int
    created_at: datetime
    url: str | None
    thumbnail_url: str | None
    preview_url: str | None
    url_expires_at: datetime | None


class SetView(msgspec.Struct, rename="camel"):
    """Pictures made together."""

    id: str
    user_id: str
    generation_id: str
    images: list[ImageView]
    created_at: datetime


class ImagePage(msgspec.Struct, rename="camel"):
    """Public pictures."""

    items: list[ImageView]
    next_cursor: str | None
    limit: int


class Credits(msgspec.Struct, rename="camel"):
    """Credits of a user."""

    available: int
    held: int


class Me(msgspec.Struct, rename="camel"):
    """The caller."""

    id: str
    username: str
    created_at: datetime
    credits: Credits


class CreateKey(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Ask for an API key."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="What to call it.")]


class KeyView(msgspec.Struct, rename="camel"):
    """A key without its secret."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class CreatedKey(msgspec.Struct, rename="camel"):
    """A new key; the secret is shown this once."""

    key: KeyView
    secret: str


class KeyPage(msgspec.Struct, rename="camel"):
    """Keys, newest first; at most 100."""

    items: list[KeyView]
    next_cursor: None


class RatioView(msgspec.Struct, rename="camel"):
    """An aspect ratio and the size a model makes for it."""

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


class BusSummary(msgspec.Struct, rename="camel"):
    """Whether the bus can be reached, and which topics it lacks."""

    reachable: bool
    missing_topics: list[str]
    error: str | None
