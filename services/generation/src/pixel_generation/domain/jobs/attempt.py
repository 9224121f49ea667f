"""The call record of a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pixel_generation.domain.jobs.job import Job, Status
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from datetime import datetime


class AttemptState(StrEnum):
    """The state of a run."""

    CLAIMED = "claimed"
    SUBMITTING = "submitting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """The call record; None and empty mean unknown."""

    outcome: Outcome | None = None
    provider_request_id: str = ""
    cost_usd_micros: int | None = None
    failure_code: str = ""


def attempt_state(before: Job, after: Job, call: CallRecord) -> AttemptState:
    """Return the state of the run after a change of its job."""
    if Stage.RECONCILING in {before.stage, after.stage}:
        return _state_once_reconciled(after)
    match after.status:
        case Status.COMPLETED:
            return AttemptState.SUCCEEDED
        case Status.QUEUED:
            return AttemptState.FAILED if call.failure_code else AttemptState.ABANDONED
        case Status.FAILED:
            return AttemptState.FAILED
        case Status.CANCELLED:
            return AttemptState.ABANDONED
        case Status.PROCESSING:
            return AttemptState.SUBMITTING


def _state_once_reconciled(after: Job) -> AttemptState:
    match after.status:
        case Status.COMPLETED:
            return AttemptState.SUCCEEDED
        case Status.QUEUED:
            return AttemptState.FAILED  # the provider reported that it did not receive the request
        case _:
            return AttemptState.UNKNOWN


def attempt_outcome(state: AttemptState, call: CallRecord) -> Outcome | None:
    """Return the outcome of the call after a change."""
    return Outcome.UNKNOWN if state is AttemptState.UNKNOWN else call.outcome


@dataclass(frozen=True, slots=True)
class AttemptReceipt:
    """One recorded run."""

    attempt: int
    round: int
    provider: str
    model: str
    state: AttemptState
    outcome: Outcome | None
    provider_request_id: str
    cost_usd_micros: int | None
    """None means unknown."""
    failure_code: str
    claimed_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None

    @property
    def called(self) -> bool:
        """Whether the provider may have been called."""
        return self.submitted_at is not None and self.outcome is not Outcome.NOT_SENT
