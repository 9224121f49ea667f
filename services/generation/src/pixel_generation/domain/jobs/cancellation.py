"""What a cancellation came to, for the job and for the money."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pixel_generation.domain.jobs.job import Stage, Status

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_generation.domain.jobs.job import Job


class CancelOutcome(StrEnum):
    """The answer to a cancellation; the money follows it."""

    FREE = "free"
    """Ended; nothing was charged."""
    PARTIAL = "partial"
    """Ended; what was delivered was charged and is kept."""
    TOO_LATE = "too_late"
    """It had completed or failed before."""
    PENDING = "pending"
    """The run was told to stop and has not ended yet."""


def outcome_of_cancel(job: Job) -> CancelOutcome:
    """Return what the cancellation of a job came to, as the job is now; once it has ended the answer stays the same."""
    match job.status:
        case Status.CANCELLED:
            return CancelOutcome.PARTIAL if job.outputs else CancelOutcome.FREE
        case Status.COMPLETED | Status.FAILED:
            return CancelOutcome.TOO_LATE
        case _:
            return CancelOutcome.PENDING


def cancel(job: Job, *, at: datetime) -> Job | None:
    """Return the change that cancels a job, or tells its run to stop; None when that is done or too late."""
    if job.status.is_final or job.stage is Stage.CANCELLING:
        return None
    if job.stage in {Stage.STARTING, Stage.GENERATING, Stage.UPLOADING}:
        return job.cancelling(at=at)
    return job.cancelled(at=at)
