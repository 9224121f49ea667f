"""Checks that replaying the events of jobs gives their rows."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING
from uuid import UUID

from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.jobs.replay import OF_THE_QUEUE, NotReplayable, fold

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import AllJobs, History
    from pixel_generation.domain.work.work import Kinds

PAGE = 500
TRIES = 5
COMPARED = tuple(one.name for one in fields(Job) if one.name not in OF_THE_QUEUE)


@dataclass(frozen=True, slots=True)
class Replayed:
    """The number of replayed jobs, and the differences."""

    jobs: int = 0
    differing: dict[UUID, str] = field(default_factory=dict)


async def replay_jobs(limit: int, *, jobs: AllJobs, history: History, kinds: Kinds) -> Replayed:
    """Replay the events of up to `limit` jobs, oldest first, and compare each with its row."""
    count, after, differing = 0, UUID(int=0), {}
    while count < limit and (page := await jobs.after(after, min(PAGE, limit - count))):
        for job_id in page:
            if difference := await _difference(job_id, jobs, history, kinds):
                differing[job_id] = difference
        count, after = count + len(page), page[-1]
    return Replayed(count, differing)


async def _difference(job_id: UUID, jobs: AllJobs, history: History, kinds: Kinds) -> str:
    """Return the fields that differ; empty when row and events agree."""
    for _ in range(TRIES):
        events = await history.history(job_id)
        row = await jobs.find(job_id)
        if row is None:
            return "the job is gone"
        if not events or events[-1].sequence >= row.sequence:
            break
        # The job changed between the two reads.
    try:
        folded = fold(events, kinds)
    except NotReplayable as error:
        return str(error)
    return ", ".join(name for name in COMPARED if getattr(folded, name) != getattr(row, name))
