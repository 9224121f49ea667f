"""The jobs that a bulk call names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors import Invalid, PixelError, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_generation.application.engine_ports import OwnedJobs
    from pixel_generation.domain.job import Job

MAX_AT_ONCE = 100


async def find_named(user_id: UUID, job_ids: Sequence[UUID | PixelError], owned: OwnedJobs) -> dict[UUID, Job]:
    """Return the user's jobs among the ids, each once; an error stands for what is no id. Raise Invalid."""
    if not 1 <= len(job_ids) <= MAX_AT_ONCE:
        message = f"A call names 1 to {MAX_AT_ONCE} generations."
        raise Invalid(message, violations=(Violation("ids", message),))
    wanted = list(dict.fromkeys(job_id for job_id in job_ids if not isinstance(job_id, PixelError)))
    return await owned.find_owned(wanted, user_id)
