"""Ends jobs past their deadline."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_generation.application.maintenance.change_jobs import BATCH, change_each, is_repeatable, write_changes
from pixel_generation.application.ports import Writer
from pixel_generation.domain.jobs.job import Job, Status
from pixel_generation.domain.jobs.recovery import after_deadline
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.change_jobs import ChangeTools

DEADLINE_GRACE = timedelta(seconds=10)

DUTY = "expire"


async def end_overdue_jobs(*, tools: ChangeTools) -> int:
    """End open jobs past their deadline; return how many."""

    async def end(job: Job) -> bool:
        now = tools.clock.now()
        has_worker = job.status is Status.PROCESSING and job.stage is not Stage.RECONCILING
        if has_worker and now < job.deadline_at + DEADLINE_GRACE:
            return False  # its worker ends it, with the call record
        changes = after_deadline(job, repeatable=await is_repeatable(job, tools), now=now)
        return await write_changes(job, changes, Writer.TIMEOUT, "deadline", tools)

    found = await tools.due.overdue(BATCH)
    return await change_each(DUTY, found, end, id_of=lambda job: job.id, tools=tools)
