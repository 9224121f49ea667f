"""Bodies of queues, failed work and the state of the studio."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field
from pixel_limits import generation as limits

from pixel_gateway.adapters.inbound.http.api.billing.schemas import (  # noqa: TC001  msgspec reads the annotations
    AttemptView,
)
from pixel_gateway.adapters.inbound.http.api.generations.schemas import (  # noqa: TC001  msgspec reads the annotations
    GenerationError,
    GenerationId,
)
from pixel_gateway.adapters.inbound.http.api.queue.schemas import (
    ModelStatsView,
    QueueStatusView,
    StatsView,
)
from pixel_gateway.domain.generation import JobType  # noqa: TC001  msgspec reads the annotations

QueueReason = Annotated[str, Meta(max_length=limits.UPDATE_QUEUE_REQUEST_REASON_MAX_LEN)]
RedriveLimit = Annotated[int, Meta(ge=1, le=limits.REDRIVE_FAILURES_REQUEST_LIMIT_LTE)]


class BusSummary(msgspec.Struct, rename="camel"):
    """Whether the bus can be reached, and its missing topics."""

    reachable: bool
    missing_topics: list[str]
    error: str | None


class AdminStatsView(StatsView, rename="camel"):
    """Statistics of all users, with the known provider costs in millionths of a US dollar."""

    api_costs_by_provider: dict[str, int]


class QueueView(msgspec.Struct, rename="camel"):
    """The queue of a provider; without a limit of running jobs it is null."""

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
    """Change a queue's limits; omitted fields keep their value, null means no limit."""

    max_running: Annotated[int, Meta(ge=1, le=100000)] | UnsetType | None = UNSET
    max_queued: Annotated[int, Meta(ge=1, le=10_000_000)] | UnsetType = UNSET
    reason: QueueReason = ""


class SwitchQueueBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The reason of a change of state; it is stored with the action."""

    reason: QueueReason = ""


class FailedWorkView(msgspec.Struct, rename="camel"):
    """A failed generation with its runs and without user text."""

    id: str
    user_id: str
    job_type: str
    model: str
    failure: GenerationError = field(name="error")
    released_credits: int
    attempts: list[AttemptView]
    redacted_payload: dict[str, Any]
    end_time: datetime | None = field(name="endedAt")


class SetAsideView(msgspec.Struct, rename="camel"):
    """A generation that a maintenance duty could not process; the duty skips it until `looksAgainAt`."""

    id: str
    duty: str
    reason: str
    failures: int
    first_time: datetime | None = field(name="firstAt")
    last_time: datetime | None = field(name="lastAt")
    look_again_time: datetime | None = field(name="looksAgainAt")


class FailureList(msgspec.Struct, rename="camel"):
    """Failures, newest first; `countByCode` counts up to 10,000 that match. Only the first page has `setAside`."""

    items: list[FailedWorkView]
    next_cursor: str | None
    count_by_code: dict[str, int]
    set_aside: list[SetAsideView]


class FailureFilterBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Filter of failures; at least one field."""

    failure_code: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    model: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    user_id: Annotated[str, Meta(pattern="^usr_[0-9a-f]{32}$", max_length=36)] | None = None
    job_type: JobType | None = None
    from_: Annotated[datetime, Meta(tz=True)] | None = field(name="from", default=None)
    to: Annotated[datetime, Meta(tz=True)] | None = None
    generation_id: GenerationId | None = None


class RedriveBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Retry failures."""

    filter: FailureFilterBody
    dry_run: Annotated[bool, Meta(description="Dry run: return the ids and change nothing.")] = False
    limit: RedriveLimit = 100
    rate_per_second: Annotated[float, Meta(ge=0, le=1000, description="0 starts all at once.")] = 0.0


class RedrivenView(msgspec.Struct, rename="camel"):
    """The retried generations (or those a dry run would retry), and the reasons of the others."""

    ids: list[str]
    refused: dict[str, str]
    dry_run: bool


class ActionView(msgspec.Struct, rename="camel"):
    """One action of a person."""

    id: str
    actor: str
    action: str
    user_id: str | None
    generation_id: str | None
    metadata: dict[str, Any]
    create_time: datetime = field(name="createdAt")


class ActionPage(msgspec.Struct, rename="camel"):
    """Actions, newest first."""

    items: list[ActionView]
    next_cursor: str | None


class MonitorView(msgspec.Struct, rename="camel"):
    """An overview for operators; ended generations are counted since yesterday."""

    queue: QueueStatusView
    queues: list[QueueView]
    jobs_by_status: dict[str, int]
    retries: int
    workers: int
    processing_times: list[ModelStatsView]
    failures: FailureList
    actions: list[ActionView]
    bus: BusSummary
