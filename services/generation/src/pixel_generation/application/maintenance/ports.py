"""What duties that run on a clock, and proofs that an operator asks for, need from the outside."""

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
    """A row that cannot be read as a job."""

    job_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """What was read, row by row: one that is broken costs no other."""

    rows: list[Row]
    broken: tuple[BrokenRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciling:
    """A job whose call has an unknown outcome."""

    job: Job
    provider_request_id: str
    """Empty when the provider gave none."""


class DueJobs(Protocol):
    """Jobs that a duty has to change; those that the duty has set aside are left out until they are due again."""

    async def abandoned(self, limit: int) -> Found[Job]:
        """Return running jobs whose lease is over."""

    async def overdue(self, limit: int) -> Found[Job]:
        """Return jobs that have not ended by their deadline."""

    async def reconciling(self, limit: int) -> Found[Reconciling]:
        """Return jobs whose call has an unknown outcome, the most urgent first."""

    async def unserved(self, limit: int, *, queues: Collection[str], models: Collection[str]) -> Found[Job]:
        """Return waiting jobs in none of these queues and of none of these models."""


class SetAside(Protocol):
    """Jobs that a duty could not process."""

    async def add(self, job_id: UUID, duty: str, reason: str) -> None:
        """Let the duty pass over the job, longer with each failure in a row."""

    async def forget(self) -> int:
        """Forget those that were looked at again and could be processed; return how many."""


class Leadership(Protocol):
    def lead(self) -> AbstractAsyncContextManager[bool]:
        """Yield whether this process leads until the end of the block."""


class Housekeeping(Protocol):
    """Work on the tables that changes no job."""

    async def signal_queues(self) -> int:
        """Announce again the oldest job of each queue that has been runnable for two seconds; return how many."""

    async def purge(self, *, before: datetime, limit: int) -> int:
        """Forget idempotency keys older than this, and reservations of periods long over; return how many."""

    async def archive(self, *, before: datetime, limit: int) -> int:
        """Move jobs that ended before this out of the engine's way, where reads still find them; return how many."""

    async def queue_depths(self) -> dict[str, int]:
        """Count the waiting jobs of each queue."""


class QueueHolds(Protocol):
    """Who may be claimed; none of this is an event of the job."""

    async def end_due(self, limit: int) -> int:
        """Let jobs go whose time has come; return how many."""

    async def end_missed(self) -> int:
        """Give free places to jobs that wait for one; return how many."""

    async def age(self, limit: int) -> int:
        """Raise by one class what has waited two minutes behind earlier classes; return how many."""


@runtime_checkable
class CallLookup(Protocol):
    """A provider that can tell what became of a call."""

    async def look_up(self, *, generation_id: str, attempt: int, provider_request_id: str) -> Outcome:
        """Return SENT when it has or had the request, NOT_SENT when it never had it; raise ProviderError."""


class DutyObserver(Protocol):
    """Counts what duties do."""

    def done(self, duty: str, seconds: float) -> None: ...
    def failed(self, duty: str) -> None: ...
    def set_aside(self, duty: str) -> None: ...


class EngineObserver(Protocol):
    """Counts what duties change."""

    def reconciling(self, jobs: int) -> None: ...
    def holds_ended(self, jobs: int, why: str) -> None: ...
    def aged(self, jobs: int) -> None: ...
    def archived(self, jobs: int) -> None: ...


class DepthObserver(Protocol):
    """Reports how long queues are."""

    def queue_depth(self, queue: str, jobs: int) -> None:
        """Note how many jobs wait in a queue."""


class AllJobs(Protocol):
    """Jobs wherever they are kept, archived or not."""

    async def find(self, job_id: UUID) -> Job | None:
        """Return the job as it is now."""

    async def after(self, job_id: UUID, limit: int) -> list[UUID]:
        """Return ids above this one, in order."""


class History(Protocol):
    async def history(self, job_id: UUID) -> list[RecordedEvent]:
        """Return every event of a job with its facts, oldest first."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule of the ledger found."""

    name: str
    violations: int
    examples: tuple[str, ...]


class LedgerRules(Protocol):
    async def check(self) -> list[RuleResult]:
        """Run every rule over the whole ledger."""

    def lead(self) -> AbstractAsyncContextManager[bool]:
        """Yield whether this process does the nightly run."""


class LedgerObserver(Protocol):
    """Counts what breaks a rule of the ledger."""

    def checked(self, rule: str, violations: int) -> None:
        """Note how many rows break a rule."""


class BudgetObserver(Protocol):
    """Reports limit and used amount of budgets."""

    def budgets(self, known: Sequence[Budget]) -> None:
        """Take these as all that there are."""
