"""Ports of running jobs."""

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
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.jobs.output import Output
    from pixel_generation.domain.jobs.step import Step
    from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState, ProviderHealth
    from pixel_generation.domain.queueing.estimate import EstimateAccuracy
    from pixel_generation.domain.work.stage import Stage


class Assets(Protocol):
    """The media service."""

    async def store(self, produced: Produced, *, asset_id: UUID, job: Job) -> Output:
        """Store the bytes under this id, idempotent; raise Invalid when they do not match their type, Unavailable."""


class Jobs(Protocol):
    """The job table. Every write is fenced by status, attempt and sequence."""

    async def claim(self, queue: str, limit: int, *, worker: str, lease_s: float, deadline_at: datetime) -> list[Job]:
        """Claim the next runnable jobs of the queue: by priority, then fair share, then age."""

    async def write(
        self, before: Job, after: Job, *, writer: Writer, call: CallRecord | None = None, step: Step | None = None
    ) -> bool:
        """Write one change with its event and, at the end, its settlement; False when the job was changed meanwhile.

        A change of a running job may include a durable step.
        """

    async def renew(self, runs: Sequence[tuple[UUID, int]], *, lease_s: float) -> dict[UUID, Stage]:
        """Renew the leases of runs (job, attempt); return the jobs still held and their stages."""

    async def find(self, job_id: UUID) -> Job | None:
        """Return the current job."""


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
    """The breakers of all workers."""

    async def load(self) -> dict[str, ProviderHealth]:
        """Return the state of each provider; one that never failed may be missing."""

    async def failed(
        self, provider: str, *, policy: BreakerPolicy, draw: float, trip: bool, is_probe: bool
    ) -> ProviderHealth:
        """Count a failure and open the breaker after too many consecutive ones, or at once with `trip`.

        A failed probe opens it again, for longer. `draw` is uniform in [0, 1).
        """

    async def succeeded(self, provider: str, *, is_probe: bool) -> ProviderHealth:
        """Reset the failures of a closed breaker; a probe closes a half-open one."""

    async def take_probe(self, provider: str, *, policy: BreakerPolicy) -> bool:
        """Take the probe call of a half-open breaker; False when it is not due or another worker has it."""


class HealthObserver(Protocol):
    """Counts state changes of breakers."""

    def breaker(self, provider: str, state: BreakerState) -> None: ...
    def held_back(self, provider: str) -> None: ...
    def repetition(self, provider: str, *, allowed: bool) -> None: ...
    def fallback_refused(self, provider: str) -> None: ...


class WorkerRegistry(Protocol):
    """Worker processes by their last heartbeat."""

    async def seen(self, worker_id: str, *, queues: Collection[str], slots: int) -> None:
        """Record a heartbeat of a worker, its queues and its number of slots."""

    async def left(self, worker_id: str) -> None:
        """Delete a stopped worker."""
