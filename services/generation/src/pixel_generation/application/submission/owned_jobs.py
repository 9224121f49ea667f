"""Reads the jobs of a bulk call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation
from pixel_limits.generation import CANCEL_GENERATIONS_REQUEST_IDS_MAX_ITEMS as MAX_AT_ONCE

from pixel_generation.domain.errors import GenerationNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_generation.application.submission.ports import OwnedJobs
    from pixel_generation.domain.jobs.job import Job

MAX_TOLD = 10


async def find_named(user_id: UUID, job_ids: Sequence[UUID], owned: OwnedJobs) -> dict[UUID, Job]:
    """Return the user's jobs by id; raise Invalid, or GenerationNotFound when one is not the user's.

    One unknown id refuses the whole call, because the caller's list is wrong.
    """
    if not 1 <= len(job_ids) <= MAX_AT_ONCE:
        message = f"A call names 1 to {MAX_AT_ONCE} generations."
        raise Invalid(message, violations=(Violation("ids", message),))
    wanted = list(dict.fromkeys(job_ids))
    found = await owned.find_owned(wanted, user_id)
    if missing := [f"gen_{job_id.hex}" for job_id in wanted if job_id not in found]:
        raise GenerationNotFound(metadata={"ids": " ".join(missing[:MAX_TOLD])})
    return found
