"""Queues and their settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.domain.catalogue.queue_state import QueueState


class PositionReason(StrEnum):
    """Why jobs accepted later are ahead of a job."""

    PRIORITY = "priority"
    """They have a higher priority class."""
    FAIR_SHARE = "fair_share"
    """They were accepted later, and their users had a smaller share."""
    RETURNED = "returned"
    """They were accepted earlier and are queued again: for a retry, because they are due, or with a slot now free."""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One queue with its counts."""

    queue: str
    provider: str
    state: QueueState
    max_running: int | None
    max_queued: int
    queued: int
    """Queued jobs that could start."""
    held_back: int
    """Jobs held until their time or until their user has a free concurrency slot."""
    running: int
    health: str
    oldest_wait_s: float | None
    workers: int


@dataclass(frozen=True, slots=True)
class QueueOverview:
    """All queues with wait and run times of the latest jobs."""

    queues: tuple[QueueStatus, ...]
    average_wait_s: float | None
    median_run_s: float | None

    @property
    def queue_length(self) -> int:
        return sum(queue.queued for queue in self.queues)

    @property
    def processing_count(self) -> int:
        return sum(queue.running for queue in self.queues)
