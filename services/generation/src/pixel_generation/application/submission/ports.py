"""Ports of submissions, cancellations and retries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from pixel_generation.domain.jobs.job import HoldReason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.jobs.cancellation import CancelOutcome
    from pixel_generation.domain.jobs.job import Job


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """A validated submission: a new job, or a new round of an ended one."""

    job: Job
    idempotency_key: str = ""
    """Unique per user and operation; empty means none."""
    route: str = ""
    fingerprint: bytes = b""
    cost_usd_micros: int | None = None
    """Expected provider cost; None means unknown."""
    retried_at: datetime | None = None
    """When the new round was requested; None for a new job."""
    queue_is_full: bool = False
    """Its queue was full at the last count; an earlier job of the same key is still returned."""


class Verdict(StrEnum):
    """The verdict on one submission of a batch."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    KEY_REUSED = "key_reused"
    INSUFFICIENT = "insufficient"
    DAILY_LIMIT = "daily_limit"
    BUDGET = "budget"
    PRICE_UNKNOWN = "price_unknown"
    """A budget of provider cost applies, and the cost is unknown."""
    PRIORITY = "priority"
    """The plan does not include the priority."""
    TOO_MANY_OPEN_JOBS = "too_many_open_jobs"
    """The user has as many open jobs as the plan allows."""
    QUEUE_CLOSED = "queue_closed"
    QUEUE_FULL = "queue_full"
    """The queue is full."""
    MOVED = "moved"
    """A new round of a job that changed since the caller read it."""
    ARCHIVED = "archived"
    """A new round of a job that is archived."""
    AGAIN = "again"
    """Undecided because of other items of the batch. The adapter decides it in the next batch; no use case sees it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its details."""

    verdict: Verdict
    job_id: UUID
    """The accepted job, or the one the key belongs to."""
    available: int = 0
    """Credits of the user at the decision."""
    limit: int = 0
    """The limit that refused it: credits per day, open jobs, or the amount of the budget."""
    scope: str = ""
    period: str = ""
    """Scope of the budget that refused it."""
    hold_reason: HoldReason = HoldReason.NONE
    """Of the accepted job."""
    plan: str = "free"


class Submissions(Protocol):
    async def submit(self, item: NewGeneration) -> Decision:
        """Decide one submission; when it is accepted, it is written with its hold and events.

        Raises SubmissionsFull at once when too many are queued, Unavailable with no effect known.
        """


class DryRuns(Protocol):
    async def dry_run(self, item: NewGeneration) -> Decision:
        """Decide one submission exactly as `submit` would now, and write nothing."""


class SubmissionObserver(Protocol):
    """Counts submissions."""

    def submitted(self, verdict: str) -> None: ...


class OwnedJobs(Protocol):
    async def find_owned(self, job_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, Job]:
        """Return the user's jobs among the ids, archived or not."""


class CancelObserver(Protocol):
    """Counts cancellations."""

    def cancelled(self, outcome: CancelOutcome) -> None:
        """Count an answered cancellation."""


class QueueCapacity(Protocol):
    """Whether a queue accepts more jobs, without a wait."""

    def is_full(self, queue: str) -> bool:
        """Return whether the queue is full; a queue that was never counted is not."""

    def accepted(self, queue: str) -> None:
        """Add a newly accepted job to the count."""

    def refused(self, queue: str) -> int:
        """Count a rejection; return the recent number."""
