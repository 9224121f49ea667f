"""One run of a job of any kind: iterates over its runner, writes its items, settles."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded, PixelError, Unavailable
from pixel_errors.backoff import backoff_s

from pixel_generation.application.execution.runner import Assignment, Produced, Progress, StepDone, StepStarted
from pixel_generation.application.execution.store_output import StorageFailed, store_output
from pixel_generation.application.ports import Clock, Randomness, Writer
from pixel_generation.domain.errors import BudgetExhausted, PriceUnknown
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Status
from pixel_generation.domain.jobs.recovery import (
    NO_OUTPUT,
    RetryPolicy,
    after_broken_run,
    after_cancel,
    after_deadline,
    after_lost_run,
    after_provider_error,
    after_storage_trouble,
)
from pixel_generation.domain.jobs.step import Step
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.routing.routing import next_route
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from pixel_generation.application.execution.ports import Assets, EtaObserver, JobObserver, Jobs, Steps, Tracing
    from pixel_generation.application.execution.provider_health import HealthOfProviders
    from pixel_generation.application.execution.runner import Runner
    from pixel_generation.application.ports import Catalogues
    from pixel_generation.domain.catalogue.catalogue import Model
    from pixel_generation.domain.jobs.job import Job

log = logging.getLogger(__name__)

WRITE_TRIES = 6
WRITE_DELAY_S = 0.2
WRITE_MAX_DELAY_S = 6.4
DEADLINE_TOLERANCE = timedelta(seconds=1)
"""Allowed difference between the timer of a run and the clock."""
HUNG = ProviderError(
    "The provider did not respond in time.", code="provider_timeout", outcome=Outcome.UNKNOWN, retryable=False
)


@dataclass(frozen=True)
class RunTools:
    """Ports of a run."""

    jobs: Jobs
    steps: Steps
    assets: Assets
    clock: Clock
    randomness: Randomness
    observer: JobObserver
    tracing: Tracing
    policy: RetryPolicy
    health: HealthOfProviders
    catalogue: Catalogues
    eta: EtaObserver


class Fenced(Exception):
    """The job was changed by another process."""


class CancelRequested(Exception):
    """The user cancelled the job."""


class Run:
    """Runs one claimed job to its end; `job` is always its latest written state."""

    def __init__(self, job: Job, model: Model, runner: Runner, tools: RunTools) -> None:
        self.job = job
        self._model = model
        self._runner = runner
        self._tools = tools
        self._record = CallRecord()
        self._is_stopping = False
        self.is_letting_go = False
        """The next change ends the run."""

    @property
    def _is_repeatable(self) -> bool:
        return self._runner.is_repeatable(self._model)

    async def execute(self) -> None:
        """Run to a final state or back to the queue; return without an error when the job is no longer this run's."""
        with self._tools.tracing.running(self.job):
            await self._execute()

    async def _execute(self) -> None:
        try:
            try:
                await self._make_in_time()
            except CancelRequested:
                await self._stop()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self._is_stopping or task is None:
                    raise
                task.uncancel()
                await self._stop()
        except Fenced:
            self._tools.observer.fenced()
            log.warning("run_fenced", extra={"attempt": self.job.attempt})

    def request_stop(self, task: asyncio.Task[None]) -> None:
        """Stop the call of a cancelled run; the run settles and ends by itself."""
        if not self._is_stopping:
            self._is_stopping = True
            task.cancel()

    async def _make_in_time(self) -> None:
        timer = asyncio.timeout((self.job.deadline_at - self._tools.clock.now()).total_seconds())
        try:
            async with timer:
                await self._make()
        except TimeoutError:
            if not timer.expired():
                raise  # another timeout: the job's own deadline has not passed
            await self._abandon()
            now = max(self._tools.clock.now(), self.job.deadline_at)
            changes = after_deadline(self.job, repeatable=self._is_repeatable, now=now)
            await self._finish(changes, "timeout")

    async def _stop(self) -> None:
        """End as cancelled, with the outputs stored before."""
        self._is_stopping = True
        current = await self._tools.jobs.find(self.job.id)
        if current is None or current.attempt != self.job.attempt or current.stage is not Stage.CANCELLING:
            raise Fenced
        self.job = current
        await self._abandon()
        await self._finish(after_cancel(current, now=self._tools.clock.now()), "cancelled")

    async def interrupt(self) -> None:
        """Requeue the job at once instead of waiting for its lease to expire; for a cancelled run."""
        current = await self._tools.jobs.find(self.job.id)
        if current is None or current.attempt != self.job.attempt or current.status is not self.job.status:
            return
        self.job = current
        now = self._tools.clock.now()
        changes = after_lost_run(current, repeatable=self._is_repeatable, policy=self._tools.policy, now=now)
        await self._finish(changes, "stopped")

    async def _make(self) -> None:
        await self._write(self.job.calling())
        started = time.monotonic()
        outcome = Outcome.UNKNOWN.value  # unknown until a lookup, which a cancelled run does not make
        try:
            await self._call()
        except ProviderError as error:
            outcome = error.outcome.value
            await self._after_provider_error(error)
        except StorageFailed:
            outcome = Outcome.SENT.value
            now, draw = self._tools.clock.now(), self._tools.randomness.fraction()
            changes = after_storage_trouble(
                self.job, repeatable=self._is_repeatable, policy=self._tools.policy, now=now, draw=draw
            )
            await self._finish(changes, "storage")
        except (Fenced, CancelRequested, PixelError):
            raise  # not this run's job any more, or no store: the lease expires and the sweep takes over
        except Exception:
            # A bug in an adapter must not leave the job until its deadline; the hold is released.
            outcome = "error"
            log.exception("run_failed")
            now = self._tools.clock.now()
            changes = after_broken_run(self.job, repeatable=self._is_repeatable, now=now)
            await self._finish(changes, "internal")
        else:
            outcome = Outcome.SENT.value
            now = self._tools.clock.now()
            done = self.job.completed(at=now) if self.job.outputs else self.job.failed(NO_OUTPUT, at=now)
            await self._finish((done,), "done")
        finally:
            seconds, cost = time.monotonic() - started, self._record.cost_usd_micros
            self._tools.observer.called(self._model.provider, outcome, seconds, cost_usd_micros=cost)

    async def _call(self) -> None:
        """Call the provider and report the result to its breaker."""
        health, provider = self._tools.health, self._model.provider
        is_probe = health.began(provider)
        try:
            await self._follow()
        except ProviderError as error:
            await health.failed(provider, error, is_probe=is_probe)
            raise
        except asyncio.CancelledError:
            if self._tools.clock.now() + DEADLINE_TOLERANCE >= self.job.deadline_at:
                await health.failed(provider, HUNG, is_probe=is_probe)
            else:
                health.gave_up(provider, is_probe=is_probe)
            raise
        except StorageFailed:
            await health.succeeded(provider, is_probe=is_probe)
            raise
        except BaseException:
            health.gave_up(provider, is_probe=is_probe)
            raise
        await health.succeeded(provider, is_probe=is_probe)

    async def _follow(self) -> None:
        """Write each item of the runner before it continues."""
        async with aclosing(self._runner.run(await self._assignment())) as run:  # type: ignore[type-var]
            async for said in run:
                match said:
                    case Produced():
                        await self._deliver(said)
                    case StepStarted():
                        step = Step(said.key, is_finished=False, output=said.resume)
                        await self._advance(said.progress, step)
                    case StepDone():
                        self._note(said.call)
                        step = Step(said.key, is_finished=True, output=said.output, call=said.call)
                        if said.produced is None or not await self._deliver(said.produced, step):
                            await self._advance(said.progress, step)
                    case Progress():
                        await self._advance(said)
                    case CallRecord():
                        self._note(said)

    async def _assignment(self) -> Assignment:
        steps = await self._tools.steps.steps(self.job) if self.job.work.is_durable else {}
        time_left_s = (self.job.deadline_at - self._tools.clock.now()).total_seconds()
        return Assignment(self.job, self._model, time_left_s, steps)

    async def _abandon(self) -> None:
        """Stop open steps of an ending job at the provider; others end by themselves."""
        if not self.job.work.is_durable:
            return
        try:
            await self._runner.abandon(await self._assignment())
        except (PixelError, TimeoutError) as error:
            log.warning("abandon_failed", extra={"reason": str(error)})

    async def _deliver(self, produced: Produced, step: Step | None = None) -> bool:
        """Return whether the output was stored."""
        self._note(produced.call)
        tools = self._tools
        output = await store_output(produced, self.job, assets=tools.assets, randomness=tools.randomness)
        if output is None:
            return False
        await self._write(self.job.delivered(output), step)
        return True

    async def _advance(self, progress: Progress, step: Step | None = None) -> None:
        await self._write(self.job.advanced(progress=progress.percent, step=progress.step), step)

    async def _after_provider_error(self, error: ProviderError) -> None:
        self._record = CallRecord(
            outcome=error.outcome,
            provider_request_id=error.provider_request_id or self._record.provider_request_id,
            cost_usd_micros=self._record.cost_usd_micros,
            failure_code=error.failure_code,
        )
        catalogue = await self._tools.catalogue.current()
        fallback = next_route(self.job, catalogue, self._tools.randomness.seed)
        while not await self._try_to_recover(error, fallback):
            # The budgets refuse this fallback; the next one may fit.
            fallback = next_route(fallback, catalogue, self._tools.randomness.seed) if fallback else None

    async def _try_to_recover(self, error: ProviderError, fallback: Job | None) -> bool:
        """Write the changes after a failed call; False when a budget does not allow the fallback."""
        changes = after_provider_error(
            self.job,
            error,
            repeatable=self._is_repeatable,
            policy=self._tools.policy,
            now=self._tools.clock.now(),
            draw=self._tools.randomness.fraction(),
            fallback=fallback,
            may_repeat=partial(self._tools.health.may_repeat, self._model.provider),
        )
        try:
            await self._finish(changes, error.failure_code)
        except (BudgetExhausted, PriceUnknown) as refused:
            log.warning("fallback_refused", extra={"reason": refused.code})
            self._tools.health.fallback_refused(changes[0].queue)
            return False
        return True

    async def _finish(self, changes: tuple[Job, ...], reason: str) -> None:
        for change in changes:
            await self._write(change)
        if self.job.status.is_final:
            self._tools.observer.ended(self.job)
        elif self.job.stage is not Stage.RECONCILING:
            self._tools.observer.requeued(reason)

    async def _write(self, after: Job, step: Step | None = None) -> None:
        """Write a change, again if the result was lost; raise Fenced when the job was changed by another process."""
        self.is_letting_go = after.status is not Status.PROCESSING
        tries = 0
        while not await self._try_to_write(after, step, last=tries == WRITE_TRIES - 1):
            tries += 1
            draw = self._tools.randomness.fraction()
            await asyncio.sleep(backoff_s(tries + 1, first_s=WRITE_DELAY_S, longest_s=WRITE_MAX_DELAY_S, draw=draw))
        self.job = after

    async def _try_to_write(self, after: Job, step: Step | None, *, last: bool) -> bool:
        """Return False when the store did not answer; the next attempt then finds whether it was written."""
        jobs = self._tools.jobs
        try:
            if await jobs.write(self.job, after, writer=Writer.WORKER, call=self._record, step=step):
                return True
            current = await jobs.find(self.job.id)
        except (Unavailable, DeadlineExceeded) as error:
            if last:
                raise
            log.warning("write_unanswered", extra={"reason": error.code})
            return False
        written = current is not None and (current.status, current.attempt, current.sequence, current.outputs) == (
            after.status,
            after.attempt,
            after.sequence,
            after.outputs,
        )
        if not written:
            raise CancelRequested if self._was_cancelled(current) else Fenced
        return True

    def _was_cancelled(self, current: Job | None) -> bool:
        return (
            current is not None
            and current.attempt == self.job.attempt
            and current.stage is Stage.CANCELLING
            and self.job.stage is not Stage.CANCELLING
        )

    def _note(self, call: CallRecord | None) -> None:
        """Record the provider's request id and cost; the cost is unknown when that of one call is."""
        if call is None:
            return
        known, cost = self._record, call.cost_usd_micros
        if known.outcome is not None:
            cost = None if cost is None or known.cost_usd_micros is None else cost + known.cost_usd_micros
        self._record = CallRecord(Outcome.SENT, call.provider_request_id or known.provider_request_id, cost)
