"""What the use cases of generations need."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from pixel_gateway.domain.generation import JobType, Priority

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from pixel_errors import PixelError

    from pixel_gateway.domain.billing import Quote, Receipt
    from pixel_gateway.domain.generation import Generation, Model, Progress, Spec, Status


@dataclass(frozen=True)
class Submission:
    """One request for pictures; no `cancel_after_s` (0) means never."""

    user_id: str
    spec: Spec
    idempotency_key: str
    route: str
    job_type: JobType = JobType.IMAGE
    priority: Priority = Priority.NORMAL
    schedule_time: datetime | None = None
    cancel_after_s: float = 0
    api_key_id: str = ""
    end_user: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    adjust: bool = False
    allow_fallback: bool = False
    max_retries: int | None = None


@dataclass(frozen=True)
class HistoryQuery:
    """Which generations to list, newest first; empty words and None mean all."""

    user_id: str
    limit: int
    cursor: str = ""
    status: Status | None = None
    key: str = ""
    """Only what was submitted under this idempotency key."""
    model: str = ""
    job_type: JobType | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    failure_code: str = ""


@dataclass(frozen=True)
class Accepted:
    """A generation that was accepted, or found again by its idempotency key."""

    generation: Generation
    replayed: bool


class CancelOutcome(StrEnum):
    """What became of a cancellation and of the money."""

    FREE = "free"
    PARTIAL = "partial"
    TOO_LATE = "too_late"
    PENDING = "pending"


@dataclass(frozen=True)
class Cancelled:
    """Answer to a cancellation: its outcome and the generation after it."""

    outcome: CancelOutcome
    generation: Generation


class Generations(Protocol):
    """Generations of the generation service. Every call raises Unavailable while it is away."""

    async def submit(self, submission: Submission) -> Accepted:
        """Accept the submission or raise why it is refused."""

    async def get(self, user_id: str, generation_id: str) -> Generation:
        """Return one generation of the user; raise NotFound."""

    async def page(self, query: HistoryQuery) -> tuple[list[Generation], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""

    async def events(self, user_id: str, generation_id: str, after: int) -> list[Progress]:
        """Return stored events with a greater sequence, oldest first; raise NotFound."""

    async def models(self) -> list[Model]:
        """Return the catalogue."""


class JobCommands(Protocol):
    """Changes to generations that were accepted. Every call raises Unavailable while the service is away."""

    async def cancel(self, user_id: str, ids: Sequence[str]) -> list[Cancelled | PixelError]:
        """Cancel each on its own; results stand in the order of the ids, which are at most 100."""

    async def retry(self, user_id: str, ids: Sequence[str]) -> list[Accepted | PixelError]:
        """Queue each ended one again; results stand in the order of the ids, which are at most 100."""

    async def receipt(self, user_id: str, generation_id: str) -> Receipt:
        """Return what a generation cost; raise NotFound."""

    async def quote(self, submission: Submission) -> Quote:
        """Price a submission without making it; raise why it could not be."""


class BulkCalls(Protocol):
    """How many bulk calls each user made."""

    async def count(self, user_id: str, day: date, most: int) -> bool:
        """Count one call of a UTC day; return False, and count nothing, when the user has made the most."""


class LastStatus(Protocol):
    """The newest status of each generation, kept a while; it need not be there."""

    async def put(self, events: Sequence[Progress]) -> None:
        """Remember the statuses; trouble is counted, not raised."""

    async def get(self, generation_id: str) -> Progress | None:
        """Return the newest status known, or None."""
