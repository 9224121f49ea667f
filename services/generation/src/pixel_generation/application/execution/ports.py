"""What running jobs needs from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.application.execution.runner import Produced
    from pixel_generation.application.ports import Writer
    from pixel_generation.domain.jobs.attempt import CallRecord
    from pixel_generation.domain.jobs.job import Job, Stage
    from pixel_generation.domain.jobs.output import Output
    from pixel_generation.domain.jobs.step import Step
    from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState, ProviderHealth
    from pixel_generation.domain.queueing.estimate import EstimateAccuracy


class Assets(Protocol):
    """The media service."""

    async def store(self, produced: Produced, *, asset_id: UUID, job: Job) -> Output:
        """Store the bytes under this id, idempotent; raise Invalid when they are not what they say, Unavailable."""


class Jobs(Protocol):
    """The job table. Every write is fenced by status, attempt and sequence."""

    async def claim(self, queue: str, limit: int, *, worker: str, lease_s: float, deadline_at: datetime) -> list[Job]:
        """Start runs of the next runnable jobs of the queue: by priority, then fair share, then age."""

    async def write(
        self, before: Job, after: Job, *, writer: Writer, call: CallRecord | None = None, step: Step | None = None
    ) -> bool:
        """Write one change with its event and, at the end, its money; False when the job has moved on meanwhile.

        A run that goes on may write a durable step with its change.
        """

    async def renew(self, runs: Sequence[tuple[UUID, int]], *, lease_s: float) -> dict[UUID, Stage]:
        """Prolong the leases of runs (job, attempt); return the jobs that are still held and their stages."""

    async def find(self, job_id: UUID) -> Job | None:
        """Return the job as it is now."""


class Steps(Protocol):
    """Durable steps of runs. Each is written with a change of its job, under the same fence."""

    async def steps(self, job: Job) -> dict[str, Step]:
        """Return the steps of the job's round by key."""


class JobObserver(Protocol):
    """Counts changes of jobs."""

    def picked_up(self, seconds: float) -> None: ...
    def ended(self, job: Job) -> None: ...
    def requeued(self, reason: str) -> None: ...
    def fenced(self) -> None: ...
    def called(self, provider: str, outcome: str, seconds: float, *, cost_usd_micros: int | None) -> None: ...


class Tracing(Protocol):
    def running(self, job: Job) -> AbstractContextManager[object]:
        """Continue the trace of the job's submission inside the block, with the job named in the logs."""


class EtaObserver(Protocol):
    """Counts starts inside and outside of their quoted interval."""

    def started(self, estimate_accuracy: EstimateAccuracy) -> None: ...


class HealthStore(Protocol):
    """Breakers that all workers share."""

    async def load(self) -> dict[str, ProviderHealth]:
        """Return what is known of each provider; one that never failed may be missing."""

    async def failed(
        self, provider: str, *, policy: BreakerPolicy, draw: float, trip: bool, is_probe: bool
    ) -> ProviderHealth:
        """Count a failure and open the breaker when there were too many in a row, or at once when `trip` says so.

        A failed probe opens it again, for longer. `draw` is uniform in [0, 1).
        """

    async def succeeded(self, provider: str, *, is_probe: bool) -> ProviderHealth:
        """Forget the failures of a closed breaker; a probe closes one that is half open."""

    async def take_probe(self, provider: str, *, policy: BreakerPolicy) -> bool:
        """Make the breaker half open for one call of the asker; False when its time has not come or another asked."""


class HealthObserver(Protocol):
    """Counts what breakers do."""

    def breaker(self, provider: str, state: BreakerState) -> None: ...
    def held_back(self, provider: str) -> None: ...
    def repetition(self, provider: str, *, allowed: bool) -> None: ...
    def fallback_refused(self, provider: str) -> None: ...


class WorkerRegister(Protocol):
    """Worker processes by their last sign of life."""

    async def seen(self, worker_id: str, *, queues: Collection[str], slots: int) -> None:
        """Note that a worker lives, which queues it serves and how many jobs it runs side by side."""

    async def left(self, worker_id: str) -> None:
        """Forget a worker that has stopped."""
