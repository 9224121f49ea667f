"""Outcomes of a cancellation and of its charge."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pixel_generation.domain.jobs.job import Status
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_generation.domain.jobs.job import Job


class CancelOutcome(StrEnum):
    """The outcome of a cancellation, which decides the charge."""

    FREE = "free"
    """Ended; nothing was charged."""
    PARTIAL = "partial"
    """Ended; delivered outputs are charged and kept."""
    TOO_LATE = "too_late"
    """It completed or failed before."""
    PENDING = "pending"
    """The run was asked to stop and has not ended yet."""


def outcome_of_cancel(job: Job) -> CancelOutcome:
    """Return the outcome of a cancellation from the current job; it is final once the job has ended."""
    match job.status:
        case Status.CANCELLED:
            return CancelOutcome.PARTIAL if job.outputs else CancelOutcome.FREE
        case Status.COMPLETED | Status.FAILED:
            return CancelOutcome.TOO_LATE
        case _:
            return CancelOutcome.PENDING


def cancel(job: Job, *, at: datetime) -> Job | None:
    """Return the change that cancels a job, or asks its run to stop; None when done already or too late."""
    if job.status.is_final or job.stage is Stage.CANCELLING:
        return None
    if job.stage in {Stage.STARTING, Stage.GENERATING, Stage.UPLOADING}:
        return job.cancelling(at=at)
    return job.cancelled(at=at)
