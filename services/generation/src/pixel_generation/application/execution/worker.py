"""The worker: claims jobs into free slots, renews their leases, and releases them when it stops."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.execution.run import Run, RunTools
from pixel_generation.application.ports import Writer
from pixel_generation.domain.errors import ModelNotFound
from pixel_generation.domain.jobs.recovery import MODEL_GONE
from pixel_generation.domain.queueing.estimate import estimate_accuracy
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from pixel_generation.application.execution.runner import Runner
    from pixel_generation.application.ports import Catalogues
    from pixel_generation.domain.catalogue.catalogue import Catalogue
    from pixel_generation.domain.jobs.job import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkLimits:
    """Slots of a worker, and its intervals in seconds."""

    slots: int = 10
    queue_slots: Mapping[str, int] | None = None
    """Lower limits of single queues."""
    claim_loops: int = 1
    lease_s: float = 15.0
    heartbeat_s: float = 5.0
    poll_s: float = 2.0
    run_timeout_s: float = 300.0
    grace_s: float = 20.0


@dataclass(eq=False)
class _Running:
    run: Run
    task: asyncio.Task[None]
    renewed_at: float

    def stop(self) -> None:
        if not self.task.done():
            self.run.request_stop(self.task)


class Worker:
    """Runs jobs until stopped. `signal()` makes it poll at once; it polls every `poll_s` anyway."""

    name = "worker"

    def __init__(
        self,
        worker_id: str,
        *,
        catalogue: Catalogues,
        runners: Mapping[str, Runner],
        tools: RunTools,
        limits: WorkLimits,
    ) -> None:
        self._id = worker_id
        self._catalogue = catalogue
        self._runners = runners
        self._tools = tools
        self._limits = limits
        self._runs: dict[UUID, _Running] = {}
        self._reserved: Counter[str] = Counter()
        self._signal = asyncio.Event()
        self._stopping = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    def signal(self) -> None:
        self._signal.set()

    async def start(self) -> None:
        self._stopping.clear()
        claimers = [self._claim_forever() for _ in range(self._limits.claim_loops)]
        self._loops = [asyncio.create_task(loop) for loop in (*claimers, self._renew_forever())]

    async def stop(self) -> None:
        """Stop claiming, let runs end within the grace period, requeue the others."""
        if not self._loops:
            return
        self._stopping.set()
        self._signal.set()
        *claimers, heartbeat = self._loops
        self._loops = []
        await asyncio.gather(*claimers)
        if self._runs:
            await asyncio.wait([held.task for held in self._runs.values()], timeout=self._limits.grace_s)
        await asyncio.gather(*(self._requeue(held) for held in list(self._runs.values())))
        heartbeat.cancel()
        await asyncio.gather(heartbeat, return_exceptions=True)

    async def _requeue(self, held: _Running) -> None:
        held.task.cancel()
        await asyncio.wait([held.task])
        try:
            await held.run.interrupt()
        except Exception:
            # The lease expires and the sweep takes over.
            log.exception("requeue_failed", extra={"job_id": held.run.job.id.hex})

    async def _claim_forever(self) -> None:
        while not self._stopping.is_set():
            # Cleared before the poll: a signal during a claim causes another poll.
            self._signal.clear()
            try:
                claimed = await self.claim_once()
            except PixelError as error:
                log.warning("claim_failed", extra={"reason": error.code, "detail": error.detail})
                claimed = 0
            except Exception:
                log.exception("claim_broke")
                claimed = 0
            if claimed == 0 and not self._stopping.is_set():
                await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._limits.poll_s):
                await self._signal.wait()
        except TimeoutError:
            return

    async def claim_once(self) -> int:
        """Claim into free slots, the idlest queue first and no queue more than its share; return the started runs."""
        catalogue = await self._catalogue.current()
        busy = self._busy()
        queues = sorted(catalogue.queues(), key=lambda queue: (busy[queue], queue))
        started = 0
        for place, queue in enumerate(queues):
            free = min(self._free_in(queue), math.ceil(self._free() / (len(queues) - place)))
            if free <= 0:
                continue
            self._reserved[queue] += free
            try:
                jobs = await self._claim(queue, free, catalogue.provider_of(queue))
                for job in jobs:
                    await self._begin(job, catalogue)
            finally:
                self._reserved[queue] -= free
            started += len(jobs)
        return started

    async def _claim(self, queue: str, free: int, provider: str) -> list[Job]:
        """Claim as many as the provider's breaker allows."""
        may_start = await self._tools.health.claimable(provider, free)
        if may_start == 0:
            return []
        deadline = self._tools.clock.now() + timedelta(seconds=self._limits.run_timeout_s)
        jobs: list[Job] = []
        try:
            jobs = await self._tools.jobs.claim(
                queue, may_start, worker=self._id, lease_s=self._limits.lease_s, deadline_at=deadline
            )
        finally:
            if not jobs:
                self._tools.health.unclaimed(provider)
        return jobs

    def _busy(self) -> Counter[str]:
        return Counter(held.run.job.queue for held in self._runs.values()) + self._reserved

    def _free(self) -> int:
        return self._limits.slots - self._busy().total()

    def _free_in(self, queue: str) -> int:
        most = (self._limits.queue_slots or {}).get(queue, self._limits.slots)
        return min(self._free(), most - self._busy()[queue])

    async def _begin(self, job: Job, catalogue: Catalogue) -> None:
        self._tools.observer.picked_up((self._tools.clock.now() - job.scheduled_at).total_seconds())
        if (found := estimate_accuracy(job)) is not None:
            self._tools.eta.started(found)
        try:
            model = catalogue.find(job.work.model)
        except ModelNotFound:
            model = None
        if model is None or not catalogue.serves(model, job.work.needs):
            failed = job.failed(MODEL_GONE, at=self._tools.clock.now())
            if await self._tools.jobs.write(job, failed, writer=Writer.WORKER):
                self._tools.observer.ended(failed)
            return
        run = Run(job, model, self._runners[job.kind], self._tools)
        task = asyncio.create_task(run.execute(), name=f"run-{job.id.hex}")
        self._runs[job.id] = _Running(run, task, time.monotonic())
        task.add_done_callback(lambda done: self._ended(job.id, done))

    def _ended(self, job_id: UUID, task: asyncio.Task[None]) -> None:
        self._runs.pop(job_id, None)
        self._signal.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The sweep settles an unwritten end when the lease has expired.
            log.error("run_lost", exc_info=error, extra={"job_id": job_id.hex})

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._limits.heartbeat_s)
            await self.renew_once()

    async def renew_once(self) -> None:
        """Renew the leases of all runs; stop runs that are lost, not certainly held, or cancelled."""
        runs = dict(self._runs)
        if not runs:
            return
        asked_at = time.monotonic()
        try:
            still_held = await self._tools.jobs.renew(
                [(job_id, held.run.job.attempt) for job_id, held in runs.items()], lease_s=self._limits.lease_s
            )
        except PixelError as error:
            log.warning("renew_failed", extra={"reason": error.code})
            lost = [held for held in runs.values() if asked_at - held.renewed_at > self._limits.lease_s]
        else:
            # A run that writes its last change may have released its lease already; the result of its write decides.
            lost = [held for job_id, held in runs.items() if job_id not in still_held and not held.run.is_letting_go]
            for job_id, stage in still_held.items():
                runs[job_id].renewed_at = asked_at
                if stage is Stage.CANCELLING:
                    runs[job_id].stop()
        for held in lost:
            if not held.task.done():
                self._tools.observer.fenced()
                log.warning("lease_lost", extra={"job_id": held.run.job.id.hex})
                held.task.cancel()
