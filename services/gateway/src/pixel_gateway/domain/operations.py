"""Queues, failed work and statistics for operators."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003  the generic reader of messages needs the name at run time
from typing import Any

from pixel_gateway.domain.billing import AttemptReceipt  # noqa: TC001  likewise
from pixel_gateway.domain.generation import Failure  # noqa: TC001  likewise


@dataclass(frozen=True)
class Queue:
    """The queue of a provider; a limit of running jobs of None is no limit."""

    queue: str
    provider: str
    state: str
    max_queued: int
    queued: int
    held_back: int
    running: int
    health: str
    workers: int
    max_running: int | None = None
    oldest_wait_seconds: float | None = None


@dataclass(frozen=True)
class QueueChange:
    """Changes of a queue; None keeps a value, -1 for `max_running` means no limit."""

    queue: str
    actor: str
    state: str = ""
    max_running: int | None = None
    max_queued: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class QueueStatus:
    """Queued and running jobs; times are None without recent jobs."""

    queue_length: int
    processing_count: int
    average_wait_seconds: float | None = None
    estimated_processing_seconds: float | None = None
    queues: tuple[Queue, ...] = ()


@dataclass(frozen=True)
class Processed:
    """The result of one pass of the queue processor."""

    signalled_queues: int
    swept_jobs: int


@dataclass(frozen=True)
class ModelStats:
    """Statistics of one model."""

    model: str
    generations: int
    completed: int
    images: int
    credits: int
    average_seconds: float | None = None


@dataclass(frozen=True)
class DayStats:
    """Statistics of one UTC day."""

    day: str
    generations: int
    failed: int
    credits: int


@dataclass(frozen=True)
class Stats:
    """Sums over ended generations."""

    total_generations: int
    successful_generations: int
    failed_generations: int
    cancelled_generations: int
    total_credits: int
    average_seconds: float | None = None
    models: tuple[ModelStats, ...] = ()
    days: tuple[DayStats, ...] = ()
    provider_cost_usd_micros: dict[str, int] = field(default_factory=dict)
    credits_by_feature: dict[str, int] = field(default_factory=dict)
    retries: int = 0


@dataclass(frozen=True)
class FailureFilter:
    """Filter of failures; empty values mean all."""

    failure_code: str = ""
    model: str = ""
    user_id: str = ""
    job_type: str = ""
    from_time: datetime | None = None
    to_time: datetime | None = None
    generation_id: str = ""


@dataclass(frozen=True)
class FailedWork:
    """A failed generation without its prompt."""

    id: str
    user_id: str
    job_type: str
    model: str
    failure: Failure
    released_credits: int
    attempts: tuple[AttemptReceipt, ...] = ()
    redacted_payload: dict[str, Any] = field(default_factory=dict)
    end_time: datetime | None = None


@dataclass(frozen=True)
class SetAsideJob:
    """A generation that a maintenance duty could not process, and skips until it is due again."""

    id: str
    duty: str
    reason: str
    failures: int
    first_time: datetime | None = None
    last_time: datetime | None = None
    look_again_time: datetime | None = None


@dataclass(frozen=True)
class FailurePage:
    """Failures, newest first, the cursor of the next page (empty on the last) and their number by code."""

    failures: tuple[FailedWork, ...]
    next_cursor: str
    count_by_code: dict[str, int]
    set_aside: tuple[SetAsideJob, ...] = ()
    """Generations that maintenance skips, on the first page only."""


@dataclass(frozen=True)
class Redrive:
    """Failures to retry; a rate of 0 starts all at once."""

    filter: FailureFilter
    actor: str
    dry_run: bool
    limit: int
    rate_per_second: float


@dataclass(frozen=True)
class Redriven:
    """The retried generations (or those a dry run would retry), and the reasons of the others."""

    ids: tuple[str, ...]
    refused: dict[str, str]


@dataclass(frozen=True)
class Action:
    """One action of a person."""

    id: str
    actor: str
    action: str
    user_id: str
    generation_id: str
    create_time: datetime
    metadata: dict[str, Any] = field(default_factory=dict)
