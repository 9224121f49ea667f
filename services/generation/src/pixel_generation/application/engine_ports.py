"""What the engine needs of the job table beside running jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_generation.domain.jobs.cancellation import CancelOutcome
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.jobs.replay import RecordedEvent
    from pixel_generation.domain.providers.images import Outcome


@dataclass(frozen=True, slots=True)
class Reconciling:
    """A job whose call has an unknown outcome."""

    job: Job
    provider_request_id: str
    """Empty when the provider gave none."""


class OwnedJobs(Protocol):
    async def find_owned(self, job_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, Job]:
        """Return those of the jobs that are the user's as they are now, archived or not."""


class AllJobs(Protocol):
    """Jobs wherever they are kept, archived or not."""

    async def find(self, job_id: UUID) -> Job | None:
        """Return the job as it is now."""

    async def after(self, job_id: UUID, limit: int) -> list[UUID]:
        """Return ids above this one, in order."""


class History(Protocol):
    async def history(self, job_id: UUID) -> list[RecordedEvent]:
        """Return every event of a job with its facts, oldest first."""


class UnknownCalls(Protocol):
    async def reconciling(self, limit: int) -> list[Reconciling]:
        """Return jobs whose call has an unknown outcome, the most urgent first."""


@runtime_checkable
class CallLookup(Protocol):
    """A provider that can tell what became of a call."""

    async def look_up(self, *, generation_id: str, attempt: int, provider_request_id: str) -> Outcome:
        """Return SENT when it has or had the request, NOT_SENT when it never had it; raise ProviderError."""


class QueueHolds(Protocol):
    """Who may be claimed; none of this is an event of the job."""

    async def end_due(self, limit: int) -> int:
        """Let jobs go whose time has come; return how many."""

    async def end_missed(self) -> int:
        """Give free places to jobs that wait for one; return how many."""

    async def age(self, limit: int) -> int:
        """Raise by one class what has waited two minutes behind earlier classes; return how many."""


class EngineObserver(Protocol):
    """Counts what the engine does beside running jobs."""

    def cancelled(self, outcome: CancelOutcome) -> None: ...
    def reconciling(self, jobs: int) -> None: ...
    def holds_ended(self, jobs: int, why: str) -> None: ...
    def aged(self, jobs: int) -> None: ...
    def archived(self, jobs: int) -> None: ...
