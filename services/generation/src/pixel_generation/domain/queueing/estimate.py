"""Estimates of wait and run time from the recent jobs of a queue."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pixel_generation.domain.jobs.job import Job, Status

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_generation.domain.queueing.queue_snapshot import QueueSnapshot


def remaining_s(
    job: Job, interval_s: tuple[float, float] | None, snapshot: QueueSnapshot, now: datetime
) -> float | None:
    """Estimate the seconds until the end; None when the run is slower than nine of ten, or when unknown."""
    units = job.work.units
    if job.status is Status.QUEUED:
        return None if interval_s is None else sum(interval_s) / 2 + snapshot.run_s(units)
    if job.status is not Status.PROCESSING or job.started_at is None:
        return None
    elapsed = (now - job.started_at).total_seconds()
    for expected in (snapshot.run_s(units), snapshot.slow_run_s(units)):
        if elapsed < expected:
            return expected - elapsed
    return None


class EstimateAccuracy(StrEnum):
    """A first start compared with its quoted interval."""

    EARLY = "early"
    INSIDE = "inside"
    LATE = "late"


def estimate_accuracy(job: Job) -> EstimateAccuracy | None:
    """Compare the first start with the quote; None without a quote or for a later start."""
    if job.start_after is None or job.start_before is None or job.started_at is None or job.attempt != 1:
        return None
    if job.started_at < job.start_after:
        return EstimateAccuracy.EARLY
    return EstimateAccuracy.INSIDE if job.started_at <= job.start_before else EstimateAccuracy.LATE
