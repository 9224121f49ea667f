"""What reads of generations need from the outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.billing.credits import Balance
    from pixel_generation.domain.jobs.job import Job, Status, StoredEvent
    from pixel_generation.domain.queueing.position import Position
    from pixel_generation.domain.queueing.queues import PositionReason, QueueState


class Standing(NamedTuple):
    """A job and where it stands in its queue."""

    job: Job
    ahead: int
    """Jobs that start earlier, counted up to 1,000."""
    queue_state: QueueState
    position_reason: PositionReason | None = None
    """Why others than those accepted before it are ahead."""


@dataclass(frozen=True, slots=True)
class GenerationFilter:
    """Which generations of a user; None and empty mean all."""

    user_id: UUID
    status: Status | None = None
    idempotency_key: str = ""
    """Only what was submitted under it, on any route; the other words but the status are then not looked at."""
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
    """Events of all jobs of a user behind a position."""

    events: list[tuple[Position, StoredEvent]]
    horizon: Position
    """Every event before it has been committed."""
    known: bool
    """False when the position asked for was never given out to this user."""


class Queries(Protocol):
    """Reads; a user sees only what is theirs."""

    async def find(self, ids: list[UUID], user_id: UUID) -> dict[UUID, Standing]:
        """Return those that exist."""

    async def page(self, which: GenerationFilter, *, before: UUID, limit: int) -> Page[Standing, UUID]:
        """Return generations newest first, below the id `before`."""

    async def events(self, job_id: UUID, user_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        """Return stored events oldest first, those with a greater sequence than `after`."""

    async def user_events(self, user_id: UUID, *, after: Position, limit: int) -> UserEvents:
        """Return stored events of all jobs of the user in the order of their commits."""

    async def balance(self, user_id: UUID) -> Balance:
        """Return the user's credits; zeros for an unknown user."""
