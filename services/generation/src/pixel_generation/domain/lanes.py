"""Lanes: the queue of a provider, and what an operator may set."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PositionReason(StrEnum):
    """Why a job has others ahead of it than those that were accepted before it."""

    PRIORITY = "priority"
    """They are of a more urgent class."""
    FAIR_SHARE = "fair_share"
    """They were accepted later, and their users had fewer turns."""
    RETURNED = "returned"
    """They were accepted earlier and wait again: for another try, since their time came, or with a place now free."""


class LaneState(StrEnum):
    """What a lane does with jobs."""

    OPEN = "open"
    PAUSED = "paused"
    """Accepts and does not start."""
    DRAINING = "draining"
    """Starts and does not accept."""


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One lane as it is now."""

    lane: str
    provider: str
    state: LaneState
    max_running: int | None
    max_queued: int
    queued: int
    """Jobs that wait and could start."""
    held_back: int
    """Jobs that wait for their time or for a place of their user."""
    running: int
    health: str
    oldest_wait_s: float | None
    workers: int


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """All lanes, and how long the latest jobs waited and ran."""

    lanes: tuple[LaneStatus, ...]
    average_wait_s: float | None
    median_run_s: float | None

    @property
    def queue_length(self) -> int:
        return sum(lane.queued for lane in self.lanes)

    @property
    def processing_count(self) -> int:
        return sum(lane.running for lane in self.lanes)
