"""Ends queued jobs of removed models in queues without a worker; in other queues the workers do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_generation.application.maintenance.change_jobs import BATCH, change_each, write_changes
from pixel_generation.application.ports import Writer
from pixel_generation.domain.jobs.recovery import MODEL_GONE

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.change_jobs import ChangeTools
    from pixel_generation.domain.jobs.job import Job

DUTY = "end_unserved"


async def end_unserved_jobs(*, tools: ChangeTools) -> int:
    """End them as failed; return how many."""

    async def end(job: Job) -> bool:
        changes = (job.failed(MODEL_GONE, at=tools.clock.now()),)
        return await write_changes(job, changes, Writer.TIMEOUT, "model_gone", tools)

    catalogue = await tools.catalogue.current()
    found = await tools.due.unserved(BATCH, queues=catalogue.queues(), models=catalogue.names())
    return await change_each(DUTY, found, end, id_of=lambda job: job.id, tools=tools)
