"""What the use cases need from the outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pixel_generation.domain.jobs.job import HoldReason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.billing.credits import Balance
    from pixel_generation.domain.jobs.attempt import CallRecord
    from pixel_generation.domain.jobs.job import Job, Output, Stage, Status, StoredEvent
    from pixel_generation.domain.providers.images import ImageRequest, ProducedImage
    from pixel_generation.domain.queueing.position import Position
    from pixel_generation.domain.queueing.queues import PositionReason, QueueState
    from pixel_generation.domain.routing.catalogue import Catalogue


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time, aware, UTC."""


class Randomness(Protocol):
    def new_id(self) -> UUID:
        """Return a UUIDv7."""

    def seed(self) -> int:
        """Return a seed from 0 to 2^31 - 1; every provider accepts that range."""

    def fraction(self) -> float:
        """Return a uniform number in [0, 1)."""


class ImageModel(Protocol):
    """One provider of pictures."""

    repeatable: bool
    """A second call for the same request costs nothing and gives the same bytes."""

    def generate(self, request: ImageRequest) -> AsyncIterator[ProducedImage]:
        """Yield pictures as they are ready; raise ProviderError."""

    async def close(self) -> None:
        """Let go of connections and threads."""


class Assets(Protocol):
    """The media service."""

    async def store(self, image: ProducedImage, *, asset_id: UUID, job: Job) -> Output:
        """Store the bytes under this id, idempotent; raise Invalid when they are no picture, Unavailable."""


class CatalogueSource(Protocol):
    async def load(self) -> Catalogue:
        """Read the enabled models."""


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """A validated submission: a new job, or a new round of one that has ended."""

    job: Job
    idempotency_key: str = ""
    """Unique per user and route; empty means none."""
    route: str = ""
    fingerprint: bytes = b""
    cost_usd_micros: int | None = None
    """What the provider is expected to charge; None means unknown."""
    retried_at: datetime | None = None
    """When its user asked for the new round; None for a new job."""
    queue_is_full: bool = False
    """Its queue took no more when it was last counted; an earlier job of the same key is told all the same."""


class Verdict(StrEnum):
    """What became of one submission in a batch."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    KEY_REUSED = "key_reused"
    INSUFFICIENT = "insufficient"
    DAILY_LIMIT = "daily_limit"
    BUDGET = "budget"
    PRICE_UNKNOWN = "price_unknown"
    """A budget in the provider's money applies, and what the provider charges is not known."""
    PRIORITY = "priority"
    """The plan does not include it."""
    TOO_MANY_OPEN_JOBS = "too_many_open_jobs"
    """The user has as many jobs that have not ended as the plan allows."""
    QUEUE_CLOSED = "queue_closed"
    QUEUE_FULL = "queue_full"
    """As many jobs wait in the queue as it takes."""
    MOVED = "moved"
    """A new round was asked for, and the job is not as its caller knew it."""
    ARCHIVED = "archived"
    """A new round was asked for of a job that ended too long ago."""
    AGAIN = "again"
    """Undecided: refused only because of its company in the batch. The next batch decides it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its facts."""

    verdict: Verdict
    job_id: UUID
    """The accepted job, or the one the key belongs to."""
    available: int = 0
    """Credits of the user when the decision was made."""
    limit: int = 0
    """The limit that refused it: credits a day, open jobs, or the amount of the budget."""
    scope: str = ""
    period: str = ""
    """Of the budget that refused it."""
    hold_reason: HoldReason = HoldReason.NONE
    """Of the accepted job."""
    plan: str = "free"


class Submissions(Protocol):
    async def submit(self, batch: Sequence[NewGeneration]) -> list[Decision]:
        """Decide each submission and write the accepted ones with their holds and events, atomically, in order.

        At least one submission of a batch is decided, whatever its company. Raises Unavailable with no effect known.
        """


class Writer(StrEnum):
    """Whose right a change claims."""

    WORKER = "worker"
    """The run's own worker: its lease must be live."""
    RECLAIMER = "reclaimer"
    """Anyone, once the lease is over."""
    TIMEOUT = "timeout"
    """Anyone: the job's time is up, or nothing can start it any more."""
    OWNER = "owner"
    """The job's user, who cancels it whatever its worker does."""


class Jobs(Protocol):
    """The job table. Every write is fenced by status, attempt and sequence."""

    async def claim(self, queue: str, limit: int, *, worker: str, lease_s: float, deadline_at: datetime) -> list[Job]:
        """Start runs of the next runnable jobs of the queue: by priority, then fair share, then age."""

    async def write(self, before: Job, after: Job, *, writer: Writer, call: CallRecord | None = None) -> bool:
        """Write one change with its event and, at the end, its money; False when the job has moved on meanwhile."""

    async def renew(self, runs: Sequence[tuple[UUID, int]], *, lease_s: float) -> dict[UUID, Stage]:
        """Prolong the leases of runs (job, attempt); return the jobs that are still held and their stages."""

    async def find(self, job_id: UUID) -> Job | None:
        """Return the job as it is now."""

    async def overdue(self, limit: int) -> list[Job]:
        """Return jobs that have not ended by their deadline."""

    async def abandoned(self, limit: int) -> list[Job]:
        """Return running jobs whose lease is over."""


class Housekeeping(Protocol):
    """Chores of the relay role."""

    def lead(self) -> AbstractAsyncContextManager[bool]:
        """Yield whether this process leads until the end of the block."""

    async def signal_queues(self) -> int:
        """Announce again the oldest job of each queue that has been runnable for two seconds; return how many."""

    async def purge(self, *, before: datetime, limit: int) -> int:
        """Forget idempotency keys older than this, and reservations of periods long over; return how many."""

    async def archive(self, *, before: datetime, limit: int) -> int:
        """Move jobs that ended before this out of the engine's way, where reads still find them; return how many."""

    async def queue_depths(self) -> dict[str, int]:
        """Count the waiting jobs of each queue."""

    async def unserved(self, limit: int, *, queues: Collection[str], models: Collection[str]) -> list[Job]:
        """Return waiting jobs in none of these queues and of none of these models."""


class Ledger(Protocol):
    async def grant(self, user_id: UUID, credit_count: int, *, grant_id: str, reason: str) -> tuple[bool, int]:
        """Give credits once per user and grant id; return whether it happened now, and the credits available."""


class SubmissionObserver(Protocol):
    """Counts submissions."""

    def submitted(self, verdict: str) -> None: ...
    def batch_flushed(self, size: int) -> None: ...


class JobObserver(Protocol):
    """Counts what happens to jobs."""

    def picked_up(self, seconds: float) -> None: ...
    def ended(self, job: Job) -> None: ...
    def requeued(self, reason: str) -> None: ...
    def fenced(self) -> None: ...
    def called(self, provider: str, outcome: str, seconds: float, *, cost_usd_micros: int | None) -> None: ...
    def queue_depth(self, queue: str, jobs: int) -> None: ...


class Tracing(Protocol):
    def running(self, job: Job) -> AbstractContextManager[object]:
        """Continue the trace of the job's submission inside the block, with the job named in the logs."""


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
