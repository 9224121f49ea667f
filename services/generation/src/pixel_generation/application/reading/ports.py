"""Ports of the reads of generations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.billing.credits import Balance
    from pixel_generation.domain.catalogue.queue_state import QueueState
    from pixel_generation.domain.jobs.job import Job, Status, StoredEvent
    from pixel_generation.domain.queueing.position import Position
    from pixel_generation.domain.queueing.queue_snapshot import QueueSnapshot
    from pixel_generation.domain.queueing.queues import PositionReason


class PositionedJob(NamedTuple):
    """A job and its position in the queue."""

    job: Job
    ahead: int
    """Number of jobs ahead, counted up to 1,000."""
    queue_state: QueueState
    position_reason: PositionReason | None = None
    """Why jobs accepted later are ahead."""


@dataclass(frozen=True, slots=True)
class GenerationFilter:
    """Filter of a user's generations; None and empty mean all."""

    user_id: UUID
    status: Status | None = None
    idempotency_key: str = ""
    """Idempotency key of the submission, of any operation; all other filters but the status are then ignored."""
    model: str = ""
    kind: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    failure_code: str = ""

    @property
    def leaves_some_out(self) -> bool:
        return self != GenerationFilter(self.user_id)


@dataclass(frozen=True, slots=True)
class UserEvents:
    """Events of all jobs of a user after a position."""

    events: list[tuple[Position, StoredEvent]]
    horizon: Position
    """Every event before it is committed."""
    known: bool
    """False when the requested position was never issued to this user."""


class Queries(Protocol):
    """Reads, limited to the user's own jobs."""

    async def find(self, ids: list[UUID], user_id: UUID) -> dict[UUID, PositionedJob]:
        """Return the existing ones."""

    async def page(self, which: GenerationFilter, *, before: UUID, limit: int) -> Page[PositionedJob, UUID]:
        """Return generations newest first, below the id `before`."""

    async def events(self, job_id: UUID, user_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        """Return stored events oldest first, with a sequence greater than `after`."""

    async def user_events(self, user_id: UUID, *, after: Position, limit: int) -> UserEvents:
        """Return stored events of all jobs of the user in commit order."""

    async def balance(self, user_id: UUID) -> Balance:
        """Return the user's credits; zeros for an unknown user."""


class QueueSnapshots(Protocol):
    """Snapshots of queues: queued and running jobs and the latest run times; callers add accepted jobs to them."""

    async def newest(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot | None:
        """Return a snapshot of the last second; None when it could not be read."""

    async def recent(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot | None:
        """Return the latest snapshot without waiting for a read."""
