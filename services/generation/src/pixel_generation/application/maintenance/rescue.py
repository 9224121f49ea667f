"""Takes over the runs of dead workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_generation.application.maintenance.change_jobs import BATCH, change_each, is_repeatable, write_changes
from pixel_generation.application.ports import Writer
from pixel_generation.domain.jobs.recovery import after_lost_run

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.change_jobs import ChangeTools
    from pixel_generation.domain.jobs.job import Job

DUTY = "rescue"


async def rescue_abandoned_runs(*, tools: ChangeTools) -> int:
    """Requeue, or end, runs with an expired lease; return how many."""

    async def rescue(job: Job) -> bool:
        repeatable = await is_repeatable(job, tools)
        changes = after_lost_run(job, repeatable=repeatable, policy=tools.policy, now=tools.clock.now())
        return await write_changes(job, changes, Writer.RECLAIMER, "lease_over", tools)

    found = await tools.due.abandoned(BATCH)
    return await change_each(DUTY, found, rescue, id_of=lambda job: job.id, tools=tools)
