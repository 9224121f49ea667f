"""Jobs and runs of the store in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pixel_generation.domain.jobs.attempt import AttemptState
from pixel_generation.domain.jobs.job import Job, StoredEvent
from pixel_generation.domain.providers.provider import Outcome


@dataclass
class AttemptRow:
    worker: str
    state: AttemptState = AttemptState.CLAIMED
    outcome: Outcome | None = None


@dataclass
class Row:
    """A job with the columns that only the store has."""

    job: Job
    priority: int
    virtual_start: float
    lease_until: datetime | None = None
    events: list[StoredEvent] = field(default_factory=list)
