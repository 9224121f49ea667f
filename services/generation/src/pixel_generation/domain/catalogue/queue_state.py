"""Whether the queue of a model accepts and starts jobs."""

from __future__ import annotations

from enum import StrEnum


class QueueState(StrEnum):
    """The state of a queue."""

    OPEN = "open"
    PAUSED = "paused"
    """Accepts and does not start."""
    DRAINING = "draining"
    """Starts and does not accept."""
