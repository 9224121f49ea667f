"""Changes the jobs of a duty one by one: a job that cannot be processed is set aside and affects no other."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pixel_errors import DeadlineExceeded, Unavailable

from pixel_generation.domain.errors import ModelNotFound
from pixel_generation.domain.jobs.job import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from uuid import UUID

    from pixel_generation.application.execution.ports import JobObserver, Jobs
    from pixel_generation.application.execution.runner import Runner
    from pixel_generation.application.maintenance.ports import (
        CallLookup,
        DueJobs,
        DutyObserver,
        EngineObserver,
        Found,
        SetAside,
    )
    from pixel_generation.application.ports import Catalogues, Clock, Writer
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.jobs.recovery import RetryPolicy

log = logging.getLogger(__name__)

BATCH = 100
AT_ONCE = 16
"""Jobs changed concurrently by a duty: one that waits for a lock does not block the others."""
IS_LOCKED = "LOCKED"
MAX_REASON_CHARS = 200

Row = TypeVar("Row")


@dataclass(frozen=True)
class ChangeTools:
    """Ports of the duties that change jobs."""

    jobs: Jobs
    due: DueJobs
    set_aside: SetAside
    catalogue: Catalogues
    runners: Mapping[str, Runner]
    clock: Clock
    policy: RetryPolicy
    observer: JobObserver
    engine_observer: EngineObserver
    duty_observer: DutyObserver
    lookups: Mapping[str, CallLookup]
    """Providers that can look up the outcome of a call."""


async def change_each(
    duty: str,
    found: Found[Row],
    change: Callable[[Row], Awaitable[bool]],
    *,
    id_of: Callable[[Row], UUID],
    tools: ChangeTools,
) -> int:
    """Change each row; return how many were changed. Raises Unavailable when the store is unreachable."""
    for broken in found.broken:
        await _set_aside(duty, broken.job_id, broken.reason, tools)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(row: Row) -> bool:
        async with slots:
            try:
                return await change(row)
            except (Unavailable, DeadlineExceeded) as error:
                if error.code != IS_LOCKED:
                    raise
                log.warning("job_locked", extra={"duty": duty, "job_id": id_of(row).hex})
            except Exception as error:
                log.exception("job_not_processed", extra={"duty": duty, "job_id": id_of(row).hex})
                await _set_aside(duty, id_of(row), f"{type(error).__name__}: {error}", tools)
            return False

    results = await asyncio.gather(*map(one, found.rows), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return sum(result is True for result in results)


async def write_changes(job: Job, changes: tuple[Job, ...], writer: Writer, reason: str, tools: ChangeTools) -> bool:
    """Write changes in order; False when there are none or the job was changed meanwhile."""
    for change in changes:
        if not await tools.jobs.write(job, change, writer=writer):
            tools.observer.fenced()
            return False
        job = change
    if not changes:
        return False
    log.info("job_swept", extra={"job_id": job.id.hex, "status": job.status.value, "reason": reason})
    if job.status.is_final:
        tools.observer.ended(job)
    elif job.status is Status.QUEUED:
        tools.observer.requeued(reason)
    return True


async def is_repeatable(job: Job, tools: ChangeTools) -> bool:
    """Return whether the model may be called again; a removed or unconfigured model may not."""
    try:
        model = (await tools.catalogue.current()).find(job.work.model)
    except ModelNotFound:
        return False
    runner = tools.runners.get(job.kind)
    return runner is not None and runner.is_repeatable(model)


async def _set_aside(duty: str, job_id: UUID, reason: str, tools: ChangeTools) -> None:
    tools.duty_observer.set_aside(duty)
    log.warning("job_set_aside", extra={"duty": duty, "job_id": job_id.hex})
    await tools.set_aside.add(job_id, duty, reason[:MAX_REASON_CHARS])
