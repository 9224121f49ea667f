"""Queues: the queue of a provider, and what an operator may set."""

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


class QueueState(StrEnum):
    """What a queue does with jobs."""

    OPEN = "open"
    PAUSED = "paused"
    """Accepts and does not start."""
    DRAINING = "draining"
    """Starts and does not accept."""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One queue as it is now."""

    queue: str
    provider: str
    state: QueueState
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
class QueueOverview:
    """All queues, and how long the latest jobs waited and ran."""

    queues: tuple[QueueStatus, ...]
    average_wait_s: float | None
    median_run_s: float | None

    @property
    def queue_length(self) -> int:
        return sum(queue.queued for queue in self.queues)

    @property
    def processing_count(self) -> int:
        return sum(queue.running for queue in self.queues)
