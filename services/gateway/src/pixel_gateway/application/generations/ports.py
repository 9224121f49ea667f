"""Ports of the use cases of generations."""

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
    """One submission; `cancel_after_s` 0 means never."""

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
    """Filter of a list of generations, newest first; empty and None mean all."""

    user_id: str
    limit: int
    cursor: str = ""
    status: Status | None = None
    key: str = ""
    """Only submissions with this idempotency key."""
    model: str = ""
    job_type: JobType | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    failure_code: str = ""


@dataclass(frozen=True)
class Accepted:
    """An accepted generation, or the earlier one of its idempotency key."""

    generation: Generation
    replayed: bool


class CancelOutcome(StrEnum):
    """The outcome of a cancellation and of its charge."""

    FREE = "free"
    PARTIAL = "partial"
    TOO_LATE = "too_late"
    PENDING = "pending"


@dataclass(frozen=True)
class Cancelled:
    """The result of a cancellation: its outcome and the generation after it."""

    outcome: CancelOutcome
    generation: Generation


class Generations(Protocol):
    """Generations of the generation service. Every call raises Unavailable while it is unreachable."""

    async def submit(self, submission: Submission) -> Accepted:
        """Accept the submission or raise its rejection."""

    async def get(self, user_id: str, generation_id: str) -> Generation:
        """Return one generation of the user; raise NotFound."""

    async def page(self, query: HistoryQuery) -> tuple[list[Generation], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""

    async def events(self, user_id: str, generation_id: str, after: int) -> list[Progress]:
        """Return stored events with a greater sequence, oldest first; raise NotFound."""

    async def models(self) -> list[Model]:
        """Return the catalogue."""


class JobCommands(Protocol):
    """Changes of accepted generations. Every call raises Unavailable while the service is unreachable."""

    async def cancel(self, user_id: str, ids: Sequence[str]) -> list[Cancelled | PixelError]:
        """Cancel each on its own; results in the order of the ids, at most 100; raise NotFound for an unknown id."""

    async def retry(self, user_id: str, ids: Sequence[str]) -> list[Accepted | PixelError]:
        """Retry each ended one; results in the order of the ids, at most 100; raise NotFound for an unknown id."""

    async def receipt(self, user_id: str, generation_id: str) -> Receipt:
        """Return the receipt of a generation; raise NotFound."""

    async def quote(self, submission: Submission) -> Quote:
        """Quote a submission without making it; raise its rejection."""


class BulkCalls(Protocol):
    """Counts of bulk calls by user."""

    async def count(self, user_id: str, day: date, most: int) -> bool:
        """Count one call of a UTC day; return False and count nothing at the limit."""


class LastStatus(Protocol):
    """A cache of the newest status of each generation."""

    async def put(self, events: Sequence[Progress]) -> None:
        """Cache the statuses; failures are counted, not raised."""

    async def get(self, generation_id: str) -> Progress | None:
        """Return the newest cached status, or None."""
