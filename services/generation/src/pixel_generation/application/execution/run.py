"""One run of one job: call the provider, store the pictures, settle."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel_errors import Conflict, DeadlineExceeded, Invalid, PixelError, Unavailable

from pixel_generation.application.ports import Clock, Randomness, Writer
from pixel_generation.domain.errors import BudgetExhausted, PriceUnknown
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Stage, Status
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
from pixel_generation.domain.providers.images import ImageRequest, Outcome, ProducedImage, ProviderError
from pixel_generation.domain.routing.catalogue import Model, Size
from pixel_generation.domain.routing.routing import next_route

if TYPE_CHECKING:
    from pixel_generation.application.execution.ports import Assets, EtaObserver, ImageModel, JobObserver, Jobs, Tracing
    from pixel_generation.application.execution.provider_health import HealthOfProviders
    from pixel_generation.application.ports import Catalogues
    from pixel_generation.domain.jobs.job import Job, Output

log = logging.getLogger(__name__)

STORE_TRIES = 20
STORE_DELAY_S = 0.2
STORE_MAX_DELAY_S = 4.0
"""About half a minute in all: a restart of media must not lose pictures that the provider was paid for."""
WRITE_TRIES = 6
WRITE_DELAY_S = 0.2
DEADLINE_TOLERANCE = timedelta(seconds=1)
"""The timer of a run and the clock may differ by so much."""
HUNG = ProviderError(
    "The provider did not answer in time.", code="provider_timeout", outcome=Outcome.UNKNOWN, retryable=False
)


@dataclass(frozen=True)
class RunTools:
    """Collaborators of every run."""

    jobs: Jobs
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
    """The job has moved on without this run."""


class ToldToStop(Exception):
    """The job's user cancelled it."""


class StorageTrouble(Exception):
    """Media did not take a picture after several tries."""


class Run:
    """Carries one claimed job to its end; `job` is always its latest written state."""

    def __init__(self, job: Job, model: Model, provider: ImageModel, tools: RunTools) -> None:
        self.job = job
        self._model = model
        self._provider = provider
        self._tools = tools
        self._record = CallRecord()
        self._is_stopping = False
        self.is_letting_go = False
        """Its next change ends the run."""

    async def execute(self) -> None:
        """Run to an end state or back to the queue; leaves quietly when the job is no longer this run's."""
        with self._tools.tracing.running(self.job):
            await self._execute()

    async def _execute(self) -> None:
        try:
            try:
                await self._make_in_time()
            except ToldToStop:
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

    def tell_to_stop(self, task: asyncio.Task[None]) -> None:
        """Stop the call of a run that its user cancelled; it settles and ends by itself."""
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
                raise  # somebody else's timer: the job's own time is not up
            now = max(self._tools.clock.now(), self.job.deadline_at)
            changes = after_deadline(self.job, repeatable=self._provider.repeatable, now=now)
            await self._finish(changes, "timeout")

    async def _stop(self) -> None:
        """End as cancelled, with what was stored before."""
        self._is_stopping = True
        current = await self._tools.jobs.find(self.job.id)
        if current is None or current.attempt != self.job.attempt or current.stage is not Stage.CANCELLING:
            raise Fenced
        self.job = current
        await self._finish(after_cancel(current, now=self._tools.clock.now()), "cancelled")

    async def interrupt(self) -> None:
        """Give the job back at once instead of letting its lease run out; for a run that was cancelled."""
        current = await self._tools.jobs.find(self.job.id)
        if current is None or current.attempt != self.job.attempt or current.status is not self.job.status:
            return
        self.job = current
        now = self._tools.clock.now()
        changes = after_lost_run(current, repeatable=self._provider.repeatable, policy=self._tools.policy, now=now)
        await self._finish(changes, "stopped")

    async def _make(self) -> None:
        await self._write(self.job.calling())
        started = time.monotonic()
        outcome = Outcome.UNKNOWN.value  # until somebody tells; a run that is cancelled never learns it
        try:
            await self._call()
        except ProviderError as error:
            outcome = error.outcome.value
            await self._after_provider_error(error)
        except StorageTrouble:
            outcome = Outcome.SENT.value
            now, draw = self._tools.clock.now(), self._tools.randomness.fraction()
            changes = after_storage_trouble(
                self.job, repeatable=self._provider.repeatable, policy=self._tools.policy, now=now, draw=draw
            )
            await self._finish(changes, "storage")
        except (Fenced, ToldToStop, PixelError):
            raise  # the job is no longer this run's, or the store is away: the lease ends and the sweep takes over
        except Exception:
            # A bug in an adapter must not leave the job to its deadline; the money goes back.
            outcome = "error"
            log.exception("run_failed")
            now = self._tools.clock.now()
            changes = after_broken_run(self.job, repeatable=self._provider.repeatable, now=now)
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
        """Call the provider and tell its breaker how it went."""
        health, provider = self._tools.health, self._model.provider
        is_probe = health.began(provider)
        try:
            await self._receive()
        except ProviderError as error:
            await health.failed(provider, error, is_probe=is_probe)
            raise
        except asyncio.CancelledError:
            if self._tools.clock.now() + DEADLINE_TOLERANCE >= self.job.deadline_at:
                await health.failed(provider, HUNG, is_probe=is_probe)
            else:
                health.gave_up(provider, is_probe=is_probe)
            raise
        except StorageTrouble:
            await health.succeeded(provider, is_probe=is_probe)
            raise
        except BaseException:
            health.gave_up(provider, is_probe=is_probe)
            raise
        await health.succeeded(provider, is_probe=is_probe)

    async def _receive(self) -> None:
        async with aclosing(self._provider.generate(self._request())) as pictures:  # type: ignore[type-var]
            async for picture in pictures:
                self._note(picture)
                if picture.index >= self.job.work.number_of_images:
                    log.warning("surplus_output", extra={"index": picture.index})
                    continue
                stored = await self._store(picture)
                if stored is not None:
                    await self._write(self.job.delivered(stored))

    async def _store(self, picture: ProducedImage) -> Output | None:
        """Store under one asset id, patiently; None when the bytes are no picture."""
        asset_id = self._tools.randomness.new_id()
        for tried in range(1, STORE_TRIES + 1):
            try:
                return await self._tools.assets.store(picture, asset_id=asset_id, job=self.job)
            except (Invalid, Conflict) as rejection:
                log.warning("output_refused", extra={"reason": rejection.code})
                return None
            except PixelError as error:
                if tried == STORE_TRIES or not isinstance(error, Unavailable):
                    raise StorageTrouble from error
                delay_s = min(STORE_MAX_DELAY_S, STORE_DELAY_S * 2**tried)
                await asyncio.sleep(self._tools.randomness.fraction() * delay_s)
        raise StorageTrouble

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
            # The budgets have no room for this fallback; perhaps they have for the one after it.
            fallback = next_route(fallback, catalogue, self._tools.randomness.seed) if fallback else None

    async def _try_to_recover(self, error: ProviderError, fallback: Job | None) -> bool:
        """Write what comes after a failed call; False when a budget does not allow the fallback."""
        changes = after_provider_error(
            self.job,
            error,
            repeatable=self._provider.repeatable,
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

    async def _write(self, after: Job) -> None:
        """Write a change, again if the answer was lost; raise Fenced when the job has moved on."""
        self.is_letting_go = after.status is not Status.PROCESSING
        tries = 0
        while not await self._try_to_write(after, last=tries == WRITE_TRIES - 1):
            tries += 1
            await asyncio.sleep(self._tools.randomness.fraction() * WRITE_DELAY_S * 2**tries)
        self.job = after

    async def _try_to_write(self, after: Job, *, last: bool) -> bool:
        """Return False when the store did not answer; the next try then finds out whether it wrote."""
        jobs = self._tools.jobs
        try:
            if await jobs.write(self.job, after, writer=Writer.WORKER, call=self._record):
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
            raise ToldToStop if self._was_cancelled(current) else Fenced
        return True

    def _was_cancelled(self, current: Job | None) -> bool:
        return (
            current is not None
            and current.attempt == self.job.attempt
            and current.stage is Stage.CANCELLING
            and self.job.stage is not Stage.CANCELLING
        )

    def _note(self, picture: ProducedImage) -> None:
        """Keep the provider's request id and price; a price is unknown as soon as one picture's is."""
        known = self._record
        cost = picture.cost_usd_micros
        if known.outcome is not None:
            total = known.cost_usd_micros
            cost = None if cost is None or total is None else cost + total
        self._record = CallRecord(Outcome.SENT, picture.provider_request_id or known.provider_request_id, cost)

    def _request(self) -> ImageRequest:
        job, work = self.job, self.job.work
        size = Size.parse(work.size)
        prompt = f"{work.prompt}\n{work.custom_prompt}" if work.custom_prompt else work.prompt
        return ImageRequest(
            generation_id=f"gen_{job.id.hex}",
            attempt=job.attempt,
            provider_model=self._model.provider_model,
            prompt=prompt,
            count=work.number_of_images,
            width=size.width,
            height=size.height,
            style=work.style,
            quality=work.quality,
            seed=work.seed or 0,
            end_user=hashlib.sha256(job.user_id.bytes).hexdigest()[:32],
            timeout_s=max(1.0, (job.deadline_at - self._tools.clock.now()).total_seconds()),
            parameters=dict(work.parameters),
        )
