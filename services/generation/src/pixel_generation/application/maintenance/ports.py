"""Ports of the periodic duties and of the operator's checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.billing.budgets import Budget
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.jobs.replay import RecordedEvent
    from pixel_generation.domain.providers.provider import Outcome

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot be decoded as a job."""

    job_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """Rows decoded one by one: a broken one does not affect the others."""

    rows: list[Row]
    broken: tuple[BrokenRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciling:
    """A job whose call has an unknown outcome."""

    job: Job
    provider_request_id: str
    """Empty when the provider returned none."""


class DueJobs(Protocol):
    """Jobs for a duty to change; jobs that it has set aside are omitted until they are due again."""

    async def abandoned(self, limit: int) -> Found[Job]:
        """Return running jobs with an expired lease."""

    async def overdue(self, limit: int) -> Found[Job]:
        """Return open jobs past their deadline."""

    async def reconciling(self, limit: int) -> Found[Reconciling]:
        """Return jobs whose call has an unknown outcome, the most urgent first."""

    async def unserved(self, limit: int, *, queues: Collection[str], models: Collection[str]) -> Found[Job]:
        """Return queued jobs in none of these queues and of none of these models."""


class SetAside(Protocol):
    """Jobs that a duty could not process."""

    async def add(self, job_id: UUID, duty: str, reason: str) -> None:
        """Make the duty skip the job, longer with each consecutive failure."""

    async def forget(self) -> int:
        """Delete entries that were processed since; return how many."""


class Leadership(Protocol):
    def lead(self) -> AbstractAsyncContextManager[bool]:
        """Yield whether this process leads, until the end of the block."""


class Housekeeping(Protocol):
    """Maintenance of the tables that changes no job."""

    async def signal_queues(self) -> int:
        """Signal again the oldest job of each queue that has been runnable for two seconds; return how many."""

    async def purge(self, *, before: datetime, limit: int) -> int:
        """Delete idempotency keys older than this, and reservations of old periods; return how many."""

    async def archive(self, *, before: datetime, limit: int) -> int:
        """Archive jobs that ended before this; return how many."""

    async def queue_depths(self) -> dict[str, int]:
        """Count the queued jobs of each queue."""


class QueueHolds(Protocol):
    """Holds and priority classes of queued jobs; their changes are not events of the job."""

    async def end_due(self, limit: int) -> int:
        """Release due scheduled jobs; return how many."""

    async def end_missed(self) -> int:
        """Give free concurrency slots to held jobs; return how many."""

    async def age(self, limit: int) -> int:
        """Raise jobs queued for two minutes by one priority class; return how many."""


@runtime_checkable
class CallLookup(Protocol):
    """A provider that can look up the outcome of a call."""

    async def look_up(self, *, generation_id: str, attempt: int, provider_request_id: str) -> Outcome:
        """Return SENT when it received the request, NOT_SENT when it did not; raise ProviderError."""


class DutyObserver(Protocol):
    """Counts runs of duties."""

    def done(self, duty: str, seconds: float) -> None: ...
    def failed(self, duty: str) -> None: ...
    def set_aside(self, duty: str) -> None: ...


class EngineObserver(Protocol):
    """Counts changes by duties."""

    def reconciling(self, jobs: int) -> None: ...
    def holds_ended(self, jobs: int, why: str) -> None: ...
    def aged(self, jobs: int) -> None: ...
    def archived(self, jobs: int) -> None: ...


class DepthObserver(Protocol):
    """Reports the length of queues."""

    def queue_depth(self, queue: str, jobs: int) -> None:
        """Set the number of queued jobs of a queue."""


class AllJobs(Protocol):
    """Jobs of both tables, live and archived."""

    async def find(self, job_id: UUID) -> Job | None:
        """Return the current job."""

    async def after(self, job_id: UUID, limit: int) -> list[UUID]:
        """Return ids after this one, in order."""


class History(Protocol):
    async def history(self, job_id: UUID) -> list[RecordedEvent]:
        """Return every event of a job with its details, oldest first."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The result of one rule of the ledger."""

    name: str
    violations: int
    examples: tuple[str, ...]


class LedgerRules(Protocol):
    async def check(self) -> list[RuleResult]:
        """Run every rule over the whole ledger."""

    def lead(self) -> AbstractAsyncContextManager[bool]:
        """Yield whether this process runs the nightly check."""


class LedgerObserver(Protocol):
    """Reports violations of a rule of the ledger."""

    def checked(self, rule: str, violations: int) -> None:
        """Set the number of violations of a rule."""


class BudgetObserver(Protocol):
    """Reports limit and used amount of budgets."""

    def budgets(self, known: Sequence[Budget]) -> None:
        """Set these as all existing budgets."""
