"""Failed work for operators, without user text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.jobs.attempt import AttemptReceipt
    from pixel_generation.domain.jobs.job import Failure


@dataclass(frozen=True, slots=True)
class SetAsideJob:
    """A job that a duty could not process and skips until its next attempt."""

    job_id: UUID
    duty: str
    reason: str
    failures: int
    """Number of consecutive failures."""
    first_at: datetime
    last_at: datetime
    look_again_at: datetime


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Filter of failures; None and empty mean all."""

    failure_code: str = ""
    model: str = ""
    user_id: UUID | None = None
    kind: str | None = None
    ended_after: datetime | None = None
    ended_before: datetime | None = None
    job_id: UUID | None = None

    @property
    def names_something(self) -> bool:
        return self != FailureFilter()

    def matches(self, work: FailedWork) -> bool:
        """Return whether a failure matches."""
        words = (self.failure_code, self.model, self.user_id, self.kind, self.job_id)
        found = (work.failure.code, work.model, work.user_id, work.kind, work.job_id)
        in_time = (self.ended_after is None or work.ended_at >= self.ended_after) and (
            self.ended_before is None or work.ended_at < self.ended_before
        )
        return in_time and all(not word or word == fact for word, fact in zip(words, found, strict=True))


@dataclass(frozen=True, slots=True)
class FailedWork:
    """One failed generation with its runs."""

    job_id: UUID
    user_id: UUID
    kind: str
    model: str
    failure: Failure
    attempts: tuple[AttemptReceipt, ...]
    redacted_payload: Mapping[str, Any]
    ended_at: datetime
    released_credits: int
