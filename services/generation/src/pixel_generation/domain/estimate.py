"""Honest estimates of waiting and running time, from what the lane did lately."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pixel_generation.domain.job import Job, Status

if TYPE_CHECKING:
    from datetime import datetime

MIN_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class LaneMeasure:
    """Raw figures of a lane."""

    queued: int
    running: int
    durations_s: tuple[float, ...]


@dataclass(frozen=True)
class LaneSnapshot:
    """A lane as it was within the last second."""

    queued: int
    """Runnable jobs, counted up to 1,000."""
    running: int
    slots: int
    """Jobs the lane runs side by side, at least 1."""
    fast_s: float
    """A tenth of the latest runs were at most this long."""
    median_s: float
    slow_s: float
    """A tenth of the latest runs were longer than this."""

    @classmethod
    def measured(
        cls, *, queued: int, running: int, slots: int, durations_s: list[float], typical_s: float
    ) -> LaneSnapshot:
        """Build from the latest run times; with fewer than five the catalogue's typical time stands in, widened."""
        slots = max(slots, running, 1)
        if len(durations_s) < MIN_SAMPLES:
            return cls(queued, running, slots, typical_s / 2, typical_s, typical_s * 3)
        ranked = sorted(durations_s)
        last = len(ranked) - 1
        return cls(queued, running, slots, ranked[last // 10], ranked[last // 2], ranked[math.ceil(last * 0.9)])


def start_interval_s(position: int, lane: LaneSnapshot) -> tuple[float, float]:
    """Earliest and latest start, seconds from now, of the job at this 1-based queue position."""
    ahead = position - 1 + lane.running
    rounds = max(0, ahead - lane.slots + 1) / lane.slots
    return math.floor(rounds) * lane.fast_s, math.ceil(rounds) * lane.slow_s + (lane.slow_s if rounds else 1.0)


def remaining_s(job: Job, position: int, lane: LaneSnapshot, now: datetime) -> float | None:
    """Estimate the seconds until the end; None once the run is slower than nine of ten, or has ended."""
    if job.status is Status.QUEUED:
        earliest, latest = start_interval_s(position, lane)
        return (earliest + latest) / 2 + lane.median_s
    if job.status is not Status.PROCESSING or job.started_at is None:
        return None
    elapsed = (now - job.started_at).total_seconds()
    if elapsed <= lane.median_s:
        return lane.median_s - elapsed
    return lane.slow_s - elapsed if elapsed < lane.slow_s else None


class Punctuality(StrEnum):
    """How a first start compares with the interval that was quoted for it."""

    EARLY = "early"
    INSIDE = "inside"
    LATE = "late"


def punctuality(job: Job) -> Punctuality | None:
    """Compare the first start with the quote; None when nothing was quoted or it is not the first start."""
    if job.start_after is None or job.start_before is None or job.started_at is None or job.attempt != 1:
        return None
    if job.started_at < job.start_after:
        return Punctuality.EARLY
    return Punctuality.INSIDE if job.started_at <= job.start_before else Punctuality.LATE
