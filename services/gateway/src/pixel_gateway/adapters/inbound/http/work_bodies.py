"""Bodies of the doors of cancelling, retrying, queues, statistics and failed work."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from pixel_gateway.adapters.inbound.http.bodies import (  # noqa: TC001  msgspec reads the annotations
    BusSummary,
    Eta,
    GenerationError,
    GenerationView,
)
from pixel_gateway.adapters.inbound.http.money_bodies import AttemptView  # noqa: TC001  msgspec reads the annotations
from pixel_gateway.domain.generation import JobType  # noqa: TC001  msgspec reads the annotations

GenerationId = Annotated[str, Meta(pattern="^gen_[0-9a-f]{32}$", max_length=36)]


class CancelView(msgspec.Struct, rename="camel"):
    """What became of a cancellation and of the money: `free`, `partial`, `too_late` or `pending`."""

    outcome: str
    generation: GenerationView


class BulkIds(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Up to 100 different generations."""

    ids: Annotated[list[GenerationId], Meta(min_length=1, max_length=100)]


class BulkError(msgspec.Struct, rename="camel"):
    """Why one of many was refused."""

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
    """One retry of many; `replayed` when it was waiting or running again already."""

    id: str
    replayed: bool | None
    generation: GenerationView | None
    error: BulkError | None


class BulkRetryView(msgspec.Struct, rename="camel"):
    """Results in the order of the ids."""

    items: list[BulkRetryItem]


class LogEntry(msgspec.Struct, rename="camel"):
    """One stored event (`sequence` is its number), or one thing that a person did (`sequence` is null)."""

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
    """What happened to a generation, oldest first."""

    generation_id: str
    items: list[LogEntry]


class QueueStatusView(msgspec.Struct, rename="camel"):
    """The queue over all queues; times are seconds, null when no recent job gives them."""

    queue_length: int
    processing_count: int
    average_wait_seconds: float | None = field(name="averageWaitTime")
    estimated_processing_seconds: float | None = field(name="estimatedProcessingTime")


class QueuedView(msgspec.Struct, rename="camel"):
    """Where one generation stands in its queue; `waitsFor` says why it cannot start yet.

    `positionReason` says why others than those accepted before it are ahead: `priority`, `fair_share` or `returned`.
    The position never rises without it.
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
    """What one pass of the queue's processor did."""

    signalled_queues: int
    swept_jobs: int


class PopularModel(msgspec.Struct, rename="camel"):
    """How often a model was used."""

    model: str
    count: int


class ModelStatsView(msgspec.Struct, rename="camel"):
    """Figures of one model; seconds are those of a completed run."""

    model: str
    generations: int
    completed: int
    average_seconds: float | None = field(name="averageProcessingTime")
    images: int
    credits: int


class DayStatsView(msgspec.Struct, rename="camel"):
    """Figures of one UTC day."""

    day: str
    generations: int
    failed: int
    credits: int


class StatsView(msgspec.Struct, rename="camel"):
    """Sums over ended generations; `totalTokensUsed` are the credits that were captured.

    `retries` are runs that were repeated after a failure.
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


class AdminStatsView(StatsView, rename="camel"):
    """The same over all users, with the known cost of the providers in millionths of a US dollar."""

    api_costs_by_provider: dict[str, int]


class QueueView(msgspec.Struct, rename="camel"):
    """The queue of a provider; no bound of running jobs is null."""

    queue: str
    provider: str
    state: str
    max_running: int | None
    max_queued: int
    queued: int
    held_back: int
    running: int
    health: str
    oldest_wait_seconds: float | None
    workers: int


class QueueList(msgspec.Struct, rename="camel"):
    """Queues by name."""

    items: list[QueueView]


class UpdateQueueBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Change a queue's limits; what is left out stays, null means no limit."""

    max_running: Annotated[int, Meta(ge=1, le=100000)] | UnsetType | None = UNSET
    max_queued: Annotated[int, Meta(ge=1, le=10_000_000)] | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=200)] = ""


class SwitchQueueBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Why a queue is switched; it stands with the action."""

    reason: Annotated[str, Meta(max_length=200)] = ""


class FailedWorkView(msgspec.Struct, rename="camel"):
    """A failed generation with its runs and without what its user wrote."""

    id: str
    user_id: str
    job_type: str
    model: str
    failure: GenerationError = field(name="error")
    released_credits: int
    attempts: list[AttemptView]
    redacted_payload: dict[str, Any]
    end_time: datetime | None = field(name="endedAt")


class FailureList(msgspec.Struct, rename="camel"):
    """Failures, newest first; `countByCode` counts up to 10,000 that match."""

    items: list[FailedWorkView]
    next_cursor: str | None
    count_by_code: dict[str, int]


class FailureFilterBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Which failures; at least one field."""

    failure_code: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    model: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    user_id: Annotated[str, Meta(pattern="^usr_[0-9a-f]{32}$", max_length=36)] | None = None
    job_type: JobType | None = None
    from_: Annotated[datetime, Meta(tz=True)] | None = field(name="from", default=None)
    to: Annotated[datetime, Meta(tz=True)] | None = None
    generation_id: GenerationId | None = None


class RedriveBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Run failures again."""

    filter: FailureFilterBody
    dry_run: Annotated[bool, Meta(description="Only tell which it would be.")] = False
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    rate_per_second: Annotated[float, Meta(ge=0, le=1000, description="0 starts all at once.")] = 0.0


class RedrivenView(msgspec.Struct, rename="camel"):
    """Which were, or would be, queued again, and why the others could not."""

    ids: list[str]
    refused: dict[str, str]
    dry_run: bool


class ActionView(msgspec.Struct, rename="camel"):
    """One thing a person did."""

    id: str
    actor: str
    action: str
    user_id: str | None
    generation_id: str | None
    metadata: dict[str, Any]
    create_time: datetime = field(name="createdAt")


class ActionPage(msgspec.Struct, rename="camel"):
    """What people did, newest first."""

    items: list[ActionView]
    next_cursor: str | None


class MonitorView(msgspec.Struct, rename="camel"):
    """What operators look at first; what ended is counted since yesterday."""

    queue: QueueStatusView
    queues: list[QueueView]
    jobs_by_status: dict[str, int]
    retries: int
    workers: int
    processing_times: list[ModelStatsView]
    failures: FailureList
    actions: list[ActionView]
    bus: BusSummary
