"""What submissions, cancellations and retries need from the outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from pixel_generation.domain.jobs.job import HoldReason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.queueing.queue_snapshot import QueueSnapshot


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
    """Undecided, because of its company in a batch. The adapter decides it with the next; no use case sees it."""


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
    async def submit(self, item: NewGeneration) -> Decision:
        """Decide one submission; when it is accepted, it is written with its hold and events.

        Raises SubmissionsFull at once when too many wait, Unavailable with no effect known.
        """


class DryRuns(Protocol):
    async def dry_run(self, item: NewGeneration) -> Decision:
        """Decide one submission exactly as `submit` would now, and leave nothing behind."""


class SubmissionObserver(Protocol):
    """Counts submissions."""

    def submitted(self, verdict: str) -> None: ...


class OwnedJobs(Protocol):
    async def find_owned(self, job_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, Job]:
        """Return those of the jobs that are the user's as they are now, archived or not."""


class QueueSnapshots(Protocol):
    """Who waits in a queue, what runs and the latest run times; a snapshot is shared by those who count in jobs."""

    async def newest(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot | None:
        """Return the queue as it was within the last second; None when it could not be read then."""

    async def recent(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot | None:
        """Return the queue, a little older where the newest would have to be waited for."""


class QueueCapacity(Protocol):
    """Whether a queue takes more jobs, without a wait."""

    def is_full(self, queue: str) -> bool:
        """Return whether the queue takes no more; a queue that was never counted takes some."""

    def accepted(self, queue: str) -> None:
        """Count in a job that was just accepted."""

    def refused(self, queue: str) -> int:
        """Note a rejection; return how many there were lately."""
