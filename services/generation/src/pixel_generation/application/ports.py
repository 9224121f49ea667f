"""What the use cases need from the outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.attempt import CallRecord
    from pixel_generation.domain.catalogue import Catalogue
    from pixel_generation.domain.credits import Balance
    from pixel_generation.domain.estimate import LaneMeasure
    from pixel_generation.domain.images import ImageRequest, ProducedImage
    from pixel_generation.domain.job import DeliveredImage, Job, Status, StoredEvent


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

    async def store(self, image: ProducedImage, *, asset_id: UUID, job: Job) -> DeliveredImage:
        """Store the bytes under this id, idempotent; raise Invalid when they are no picture, Unavailable."""


class CatalogueSource(Protocol):
    async def load(self) -> Catalogue:
        """Read the enabled models."""


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """A validated submission."""

    job: Job
    priority: int
    idempotency_key: str
    """Unique per user and route; empty means none."""
    route: str
    fingerprint: bytes


class Verdict(StrEnum):
    """What became of one submission in a batch."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    KEY_REUSED = "key_reused"
    INSUFFICIENT = "insufficient"
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


class Submissions(Protocol):
    async def submit(self, batch: Sequence[NewGeneration]) -> list[Decision]:
        """Decide each submission and write the accepted ones with their holds and events, atomically, in order.

        The first submission of each user in a batch is always decided. Raises Unavailable with no effect known.
        """


class Holder(StrEnum):
    """Whose right a change claims."""

    WORKER = "worker"
    """The run's own worker: its lease must be live."""
    HEIR = "heir"
    """Anyone, once the lease is over."""
    CLOCK = "clock"
    """Anyone: the job's time is up, or nothing can start it any more."""


class Jobs(Protocol):
    """The job table. Every write is fenced by status, attempt and sequence."""

    async def claim(self, lane: str, limit: int, *, worker: str, lease_s: float, deadline_at: datetime) -> list[Job]:
        """Start runs of the next runnable jobs of the lane: by priority, then fair share, then age."""

    async def write(self, before: Job, after: Job, *, holder: Holder, call: CallRecord | None = None) -> bool:
        """Write one change with its event and, at the end, its money; False when the job has moved on meanwhile."""

    async def renew(self, runs: Sequence[tuple[UUID, int]], *, lease_s: float) -> set[UUID]:
        """Prolong the leases of runs (job, attempt); return the jobs that are still held."""

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

    async def wake_lanes(self) -> int:
        """Announce again the oldest job of each lane that has been runnable for two seconds; return how many."""

    async def purge(self, *, before: datetime, limit: int) -> int:
        """Forget idempotency keys older than this; return how many."""

    async def queue_depths(self) -> dict[str, int]:
        """Count the waiting jobs of each lane."""

    async def unserved(self, limit: int, *, lanes: Collection[str], models: Collection[str]) -> list[Job]:
        """Return waiting jobs in none of these lanes and of none of these models."""


class Ledger(Protocol):
    async def grant(self, user_id: UUID, credits_given: int, *, grant_id: str, reason: str) -> tuple[bool, int]:
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
    def called(self, provider: str, outcome: str, seconds: float) -> None: ...
    def queue_depth(self, lane: str, jobs: int) -> None: ...


class Tracing(Protocol):
    def running(self, job: Job) -> AbstractContextManager[object]:
        """Continue the trace of the job's submission inside the block, with the job named in the logs."""


class Queries(Protocol):
    """Reads; a user sees only what is theirs."""

    async def find(self, ids: list[UUID], user_id: UUID) -> dict[UUID, tuple[Job, int]]:
        """Return those that exist, each with the number of jobs ahead of it (up to 1,000)."""

    async def page(
        self, user_id: UUID, *, before: UUID | None, status: Status | None, limit: int, key: str = ""
    ) -> list[tuple[Job, int]]:
        """Return generations newest first; with a key only those submitted under it, below the id `before`."""

    async def events(self, job_id: UUID, user_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        """Return stored events oldest first, those with a greater sequence than `after`."""

    async def balance(self, user_id: UUID) -> Balance:
        """Return the user's credits; zeros for an unknown user."""

    async def measure(self, lane: str) -> LaneMeasure:
        """Count what waits and runs, and how long the latest jobs took."""
