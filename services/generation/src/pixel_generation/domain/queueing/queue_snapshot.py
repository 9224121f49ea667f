"""Estimates the start of a new job from the queued jobs and the latest run times."""

from __future__ import annotations

import bisect
import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

MIN_RUNS = 5
PICKUP_S = 1.0
"""Time until a free worker claims the job."""
DEVIATIONS = 1.28
"""Four fifths of a normal distribution are within this many standard deviations."""
SLOWER, FASTER = 1.4, 0.8
"""Allowed drift of run times while a job is queued."""
_ROUNDING = 1e-9
"""Rounding error of sums of tags; far below one unit of work at any weight."""


@dataclass(frozen=True, slots=True)
class Share:
    """A user with jobs in the queue."""

    virtual_finish: float
    """Virtual start time of the user's next job."""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """Duration of one of the latest runs."""

    seconds: float
    units: int


@dataclass
class QueueSnapshot:
    """A snapshot of a queue: jobs that can start, in order, and running jobs."""

    virtual_time: float
    waiting: list[tuple[int, float]]
    """Priority and start tag of each job that can start, in start order."""
    shares: dict[UUID, Share]
    running: int
    slots: int
    runs: Sequence[FinishedRun]
    typical_s: float
    is_cut: bool = False
    """More jobs are queued than were read."""
    _moments: tuple[float, float, float] | None = field(default=None, repr=False)
    _weights: float = field(init=False, repr=False)
    """Sum of the weights of all users with jobs; cached, because each submission needs it."""

    def __post_init__(self) -> None:
        self._weights = sum(share.weight for share in self.shares.values())

    def start_interval_s(self, user_id: UUID, priority: int) -> tuple[float, float] | None:
        """Return earliest and latest start of a new job, as `_interval_s` does."""
        share = self.shares.get(user_id)
        tag = self._tag(share)
        ahead = bisect.bisect_right(self.waiting, (priority, tag))
        return self._interval_s(ahead, tag, self._weights + (0.0 if share else 1.0))

    def waiting_interval_s(self, ahead: int) -> tuple[float, float] | None:
        """Return earliest and latest start of a job with this many jobs ahead, as `_interval_s` does."""
        tag = self.waiting[min(ahead, len(self.waiting) - 1)][1] if self.waiting else self.virtual_time
        return self._interval_s(ahead, tag, self._weights)

    def newest_ahead(self, user_id: UUID, priority: int, units: int) -> int:
        """Return the number of jobs ahead of the user's newest job of this priority and size, which is included."""
        share = self.shares.get(user_id)
        tag = self.virtual_time if share is None else share.virtual_finish - units / share.weight
        return max(0, bisect.bisect_right(self.waiting, (priority, tag + _ROUNDING)) - 1)

    def _interval_s(self, ahead: int, tag: float, weights: float) -> tuple[float, float] | None:
        """Return the interval of starts, seconds from now, that four of five jobs keep to; None when unknown.

        The earliest start assumes no new jobs. New jobs of others start before a user's later jobs; if all users with
        jobs keep submitting, each gets its fair share. The latest start is between the two.
        """
        if self.is_cut and ahead >= len(self.waiting):
            return None
        endings = ahead + self.running - self.slots + 1
        if endings <= 0:
            return 0.0, PICKUP_S
        mean, deviation, per_unit = self._measures()
        steady = endings * mean / self.slots
        fair = (tag - self.virtual_time) * max(1.0, weights) * per_unit / self.slots
        spread = DEVIATIONS * deviation * math.sqrt(endings) / self.slots
        step = mean / self.slots
        latest = math.sqrt(steady * max(steady, fair)) * SLOWER + spread + step + PICKUP_S
        return max(0.0, (steady - step) * FASTER - spread), latest

    def run_s(self, units: int) -> float:
        """Return the mean time for this many units; the catalogue's typical time while there are few runs."""
        per_unit = self._measures()[2]
        return self.typical_s if len(self.runs) < MIN_RUNS else per_unit * units

    def slow_run_s(self, units: int) -> float:
        """Return the time for this many units that nine of ten runs keep to."""
        mean, deviation, _ = self._measures()
        return self.run_s(units) * (1.0 + DEVIATIONS * deviation / mean) if mean else 0.0

    def pace_s(self) -> float:
        """Return the mean time between two ends while every slot is busy."""
        return self._measures()[0] / self.slots

    def add(self, user_id: UUID, priority: int, units: int) -> None:
        """Add a job that was accepted after the queue was read."""
        share = self.shares.get(user_id)
        tag = self._tag(share)
        weight = share.weight if share else 1.0
        if share is None:
            self._weights += weight
        bisect.insort(self.waiting, (priority, tag))
        self.shares[user_id] = Share(tag + units / weight, weight)

    def _tag(self, share: Share | None) -> float:
        return self.virtual_time if share is None else max(self.virtual_time, share.virtual_finish)

    def _measures(self) -> tuple[float, float, float]:
        """Mean and standard deviation of a run, and its mean for one unit; wide while there are few runs."""
        if self._moments is None:
            if len(self.runs) < MIN_RUNS:
                self._moments = self.typical_s, self.typical_s, self.typical_s
            else:
                seconds = [run.seconds for run in self.runs]
                mean = statistics.fmean(seconds)
                per_unit = sum(seconds) / max(1, sum(run.units for run in self.runs))
                self._moments = mean, statistics.pstdev(seconds, mean), per_unit
        return self._moments
