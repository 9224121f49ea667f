"""Bodies of the queue and of statistics."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations

import msgspec
from msgspec import field

from pixel_gateway.adapters.inbound.http.api.generations.schemas import (  # noqa: TC001  msgspec reads the annotations
    Eta,
)


class QueueStatusView(msgspec.Struct, rename="camel"):
    """Sums over all queues; times are in seconds, null without recent jobs."""

    queue_length: int
    processing_count: int
    average_wait_seconds: float | None = field(name="averageWaitTime")
    estimated_processing_seconds: float | None = field(name="estimatedProcessingTime")


class QueuedView(msgspec.Struct, rename="camel"):
    """Queue position of a generation; `waitsFor` says why it cannot start yet.

    `positionReason` says why generations accepted later are ahead: `priority`, `fair_share` or `returned`. The position
    never worsens without it.
    """

    id: str
    status: str
    stage: str
    job_type: str
    priority: str
    queue_position: int | None
    waits_for: str | None
    position_reason: str | None
    eta: Eta | None
    estimated_wait_time: float | None
    estimated_time_remaining: float | None
    scheduled_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ProcessedView(msgspec.Struct, rename="camel"):
    """The result of one pass of the queue processor."""

    signalled_queues: int
    swept_jobs: int


class PopularModel(msgspec.Struct, rename="camel"):
    """Usage of a model."""

    model: str
    count: int


class ModelStatsView(msgspec.Struct, rename="camel"):
    """Statistics of one model; seconds are the mean of a completed run."""

    model: str
    generations: int
    completed: int
    average_seconds: float | None = field(name="averageProcessingTime")
    images: int
    credits: int


class DayStatsView(msgspec.Struct, rename="camel"):
    """Statistics of one UTC day."""

    day: str
    generations: int
    failed: int
    credits: int


class StatsView(msgspec.Struct, rename="camel"):
    """Sums over ended generations; `totalTokensUsed` are the captured credits.

    `retries` is the number of retried runs.
    """

    total_generations: int
    successful_generations: int
    failed_generations: int
    cancelled_generations: int
    average_processing_time: float | None
    total_tokens_used: int
    popular_models: list[PopularModel]
    models: list[ModelStatsView]
    days: list[DayStatsView]
    credits_by_feature: dict[str, int]
    retries: int
