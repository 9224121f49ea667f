"""Ports of the operators' use cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime
    from uuid import UUID

    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.catalogue.queue_state import QueueState
    from pixel_generation.domain.jobs.failures import FailedWork, FailureFilter, SetAsideJob
    from pixel_generation.domain.jobs.statistics import StatsRow
    from pixel_generation.domain.queueing.queues import QueueOverview, QueueStatus


@dataclass(frozen=True, slots=True)
class QueueChange:
    """Changes of a queue; None keeps a value."""

    queue: str
    actor: str
    reason: str = ""
    state: QueueState | None = None
    max_running: int | None = None
    """-1 means no limit."""
    max_queued: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a person."""

    id: UUID
    actor: str
    action: str
    created_at: datetime
    user_id: UUID | None = None
    job_id: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Queues(Protocol):
    """Queues with their queued and running jobs."""

    async def status(self) -> QueueOverview:
        """Measure every queue."""

    async def update(self, change: QueueChange) -> QueueStatus | None:
        """Change a queue and record who did it; None when the queue does not exist."""


class FailureList(Protocol):
    """Failed jobs."""

    async def page(
        self, which: FailureFilter, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> Page[FailedWork, tuple[datetime, UUID]]:
        """Return failures newest first, after the position `before`."""

    async def count_by_code(self, which: FailureFilter) -> dict[str, int]:
        """Count failures by code among the newest 10,000 of the filter's period."""


class SetAsideList(Protocol):
    async def latest(self, limit: int) -> list[SetAsideJob]:
        """Return jobs that a duty could not process when it last looked, the latest first."""


class Statistics(Protocol):
    """Sums of ended jobs."""

    async def rows(self, user_id: UUID | None, *, first: date, last: date) -> list[StatsRow]:
        """Return the rows of these UTC days, of one user or of all."""

    async def provider_costs(self, *, first: date, last: date) -> dict[str, int]:
        """Return the booked provider costs of these UTC days, in millionths of a US dollar by provider."""


class Actions(Protocol):
    """The record of actions."""

    async def record(self, action: Action) -> None:
        """Record an action."""

    async def page(self, *, user_id: UUID | None, job_id: UUID | None, before: UUID, limit: int) -> Page[Action, UUID]:
        """Return actions newest first, below the id `before`."""
