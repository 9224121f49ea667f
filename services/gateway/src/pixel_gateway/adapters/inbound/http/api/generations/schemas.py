"""Bodies of generations."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from pixel_limits import generation as limits

GenerationId = Annotated[str, Meta(pattern="^gen_[0-9a-f]{32}$", max_length=36)]
GenerationIds = Annotated[
    list[GenerationId], Meta(min_length=1, max_length=limits.CANCEL_GENERATIONS_REQUEST_IDS_MAX_ITEMS)
]


class Links(msgspec.Struct, rename="camel"):
    """Absolute URLs of a generation."""

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
    """Interval of the expected start, in seconds from now."""

    min_seconds: float
    max_seconds: float


class GenerationError(msgspec.Struct, rename="camel"):
    """Why a generation ended without its pictures."""

    code: str
    message: str
    retryable: bool


class ResultImage(msgspec.Struct, rename="camel"):
    """A delivered picture; URLs are null while media is unreachable."""

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


class AdjustmentView(msgspec.Struct, rename="camel"):
    """A value that was changed because the caller allowed it."""

    field: str
    requested: str
    used: str


class CandidateView(msgspec.Struct, rename="camel"):
    """A considered model; `excludedBecause` is null for an eligible one."""

    model: str
    cost_credits: int | None
    excluded_because: str | None
    health: str


class RouteView(msgspec.Struct, rename="camel"):
    """The model of a request, and the reason."""

    model: str | None
    fallback_models: list[str]
    candidates: list[CandidateView]
    rule: str


class GenerationView(msgspec.Struct, rename="camel"):
    """A generation."""

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
    """Status and progress of a generation."""

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


class CancelView(msgspec.Struct, rename="camel"):
    """Outcome of a cancellation and of its charge: `free`, `partial`, `too_late` or `pending`."""

    outcome: str
    generation: GenerationView


class BulkIds(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Up to 100 different generations."""

    ids: GenerationIds


class BulkError(msgspec.Struct, rename="camel"):
    """The error of one item."""

    code: str
    detail: str
    status: int


class BulkCancelItem(msgspec.Struct, rename="camel"):
    """One cancellation of many."""

    id: str
    outcome: str | None
    generation: GenerationView | None
    error: BulkError | None


class BulkCancelView(msgspec.Struct, rename="camel"):
    """Results in the order of the ids."""

    items: list[BulkCancelItem]


class BulkRetryItem(msgspec.Struct, rename="camel"):
    """One retry of many; `replayed` when it was already queued or running again."""

    id: str
    replayed: bool | None
    generation: GenerationView | None
    error: BulkError | None


class BulkRetryView(msgspec.Struct, rename="camel"):
    """Results in the order of the ids."""

    items: list[BulkRetryItem]


class LogEntry(msgspec.Struct, rename="camel"):
    """One stored event (`sequence` is its number), or one action of a person (`sequence` is null)."""

    time: datetime
    sequence: int | None
    actor: str
    action: str
    status: str | None
    stage: str | None
    progress: int | None
    message: str | None
    error: GenerationError | None
    facts: dict[str, Any]


class LogView(msgspec.Struct, rename="camel"):
    """The event log of a generation, oldest first."""

    generation_id: str
    items: list[LogEntry]
