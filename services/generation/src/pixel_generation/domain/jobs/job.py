"""A job: its states, the table of transitions, and its changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Self

from pixel_generation.domain.errors import IllegalTransition
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.jobs.output import Output
    from pixel_generation.domain.work.adjustment import Adjustment
    from pixel_generation.domain.work.work import Work


class Status(StrEnum):
    """Public state."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


class Priority(IntEnum):
    """Priority of a job in its queue; a smaller number is earlier."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


class HoldReason(StrEnum):
    """Why a queued job cannot be claimed; only jobs without a hold can."""

    NONE = "open"
    """No hold: it can be claimed."""
    SCHEDULED = "scheduled"
    """It is not due yet."""
    CAPPED = "capped"
    """Its user has no free concurrency slot."""


class Transition(StrEnum):
    """The transitions of a job."""

    CLAIM = "claim"
    CALL = "call"
    DELIVER = "deliver"
    ADVANCE = "advance"
    REQUEUE = "requeue"
    REROUTE = "reroute"
    RECONCILE = "reconcile"
    CANCEL = "cancel"
    STOP = "stop"
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"


State = tuple[Status, Stage]

QUEUED: State = (Status.QUEUED, Stage.WAITING)
ROUTING: State = (Status.QUEUED, Stage.ROUTING)
STARTING: State = (Status.PROCESSING, Stage.STARTING)
GENERATING: State = (Status.PROCESSING, Stage.GENERATING)
UPLOADING: State = (Status.PROCESSING, Stage.UPLOADING)
RECONCILING: State = (Status.PROCESSING, Stage.RECONCILING)
CANCELLING: State = (Status.PROCESSING, Stage.CANCELLING)
COMPLETED: State = (Status.COMPLETED, Stage.DONE)
FAILED: State = (Status.FAILED, Stage.DONE)
CANCELLED: State = (Status.CANCELLED, Stage.DONE)

TRANSITIONS: dict[tuple[State, Transition], State] = {
    **{(waiting, Transition.CLAIM): STARTING for waiting in (QUEUED, ROUTING)},
    (STARTING, Transition.CALL): GENERATING,
    (GENERATING, Transition.DELIVER): UPLOADING,
    (UPLOADING, Transition.DELIVER): UPLOADING,
    **{(called, Transition.ADVANCE): GENERATING for called in (GENERATING, UPLOADING)},
    **{(running, Transition.REQUEUE): QUEUED for running in (STARTING, GENERATING, UPLOADING, RECONCILING)},
    **{(running, Transition.REROUTE): ROUTING for running in (STARTING, GENERATING, UPLOADING)},
    **{(called, Transition.RECONCILE): RECONCILING for called in (GENERATING, UPLOADING)},
    # A running job is cancelled through its worker, which stops; a job without a worker is cancelled at once.
    **{(running, Transition.CANCEL): CANCELLING for running in (STARTING, GENERATING, UPLOADING)},
    **{(idle, Transition.STOP): CANCELLED for idle in (QUEUED, ROUTING, RECONCILING, CANCELLING)},
    **{(running, Transition.COMPLETE): COMPLETED for running in (GENERATING, UPLOADING, RECONCILING, CANCELLING)},
    **{(alive, Transition.FAIL): FAILED for alive in (QUEUED, ROUTING, STARTING, GENERATING, UPLOADING, RECONCILING)},
    **{(ended, Transition.RETRY): QUEUED for ended in (FAILED, CANCELLED)},
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended without outputs."""

    code: str
    message: str
    retryable: bool


_STEPS = {
    Stage.WAITING: "Waiting in queue",
    Stage.ROUTING: "Waiting in queue for another model",
    Stage.RECONCILING: "Finding out what the provider made",
    Stage.CANCELLING: "Cancelling",
}
_ENDS = {Status.COMPLETED: "Done", Status.FAILED: "Failed", Status.CANCELLED: "Cancelled"}


@dataclass(frozen=True, slots=True)
class Job:
    """One request and its progress."""

    id: UUID
    user_id: UUID
    set_id: UUID
    work: Work
    queue: str
    cost_credits: int
    created_at: datetime
    deadline_at: datetime
    scheduled_at: datetime
    """Earliest claim."""
    status: Status = Status.QUEUED
    stage: Stage = Stage.WAITING
    progress: int = 0
    step: str = ""
    """Last message of its run; empty means the message of its kind for the stage."""
    sequence: int = 1
    """Number of the newest event; grows by one with every change."""
    attempt: int = 0
    """Runs started so far; never decreases."""
    retry_count: int = 0
    """Retried runs after provider failures; runs lost with a worker are not counted."""
    max_retries: int = 2
    trace: Mapping[str, str] = field(default_factory=dict)
    """Trace context of the submission, continued by its runs."""
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    captured_credits: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    priority: Priority = Priority.NORMAL
    round: int = 1
    """Round of this job: 1, and one more for each retry by its user. Each round is settled once."""
    hold_reason: HoldReason = HoldReason.NONE
    plan: str = "free"
    cancel_at: datetime | None = None
    """The caller's deadline."""
    cancel_requested_at: datetime | None = None
    api_key_id: UUID | None = None
    end_user: str = ""
    """End user of the caller's app; empty when not given."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    price_id: str = ""
    """Price rule of the cost."""
    route: Mapping[str, Any] = field(default_factory=dict)
    """The chosen model and the reason."""
    adjustments: tuple[Adjustment, ...] = ()
    start_after: datetime | None = None
    start_before: datetime | None = None
    """Start interval quoted at submission."""

    @property
    def kind(self) -> str:
        """Name of the kind of its work."""
        return self.work.kind

    @property
    def current_step(self) -> str:
        """The message for the current stage."""
        match self.stage:
            case Stage.WAITING if self.attempt:
                return "Waiting in queue to try again"
            case Stage.DONE:
                return _ENDS[self.status]
            case Stage.STARTING | Stage.GENERATING | Stage.UPLOADING:
                return self.step or self.work.step(self.stage, self.units_delivered)
            case _:
                return _STEPS[self.stage]

    @property
    def units_delivered(self) -> int:
        """Stored units."""
        return sum(output.units for output in self.outputs)

    @property
    def is_delivered(self) -> bool:
        """Whether all requested units are stored."""
        return self.units_delivered >= self.work.units

    @property
    def can_be_retried(self) -> bool:
        """Whether it ended without a charge."""
        return self.status is Status.FAILED or (self.status is Status.CANCELLED and not self.outputs)

    def claimed(self, *, at: datetime, deadline_at: datetime) -> Job:
        """Begin a run; the first one of a round starts the deadline of the job."""
        first = self.started_at is None
        return self._after(
            Transition.CLAIM,
            progress=10,
            attempt=self.attempt + 1,
            started_at=at if first else self.started_at,
            deadline_at=earlier(deadline_at, self.cancel_at) if first else self.deadline_at,
        )

    def calling(self) -> Job:
        """Record the provider call before it is made: from here the outcome may be unknown."""
        return self._after(Transition.CALL, progress=self.work.progress(self.units_delivered))

    def advanced(self, *, progress: int | None = None, step: str | None = None) -> Job:
        """Continue the run, perhaps with another message."""
        return self._after(
            Transition.ADVANCE,
            progress=self.progress if progress is None else progress,
            step=self.step if step is None else step,
        )

    def delivered(self, output: Output) -> Job:
        """Add a stored output, or replace one."""
        others = tuple(other for other in self.outputs if other.index != output.index)
        if self.is_delivered and len(others) == len(self.outputs):
            raise IllegalTransition(f"Job {self.id} has all its outputs.")
        outputs = tuple(sorted((*others, output), key=lambda each: each.index))
        progress = self.work.progress(sum(each.units for each in outputs))
        return self._after(Transition.DELIVER, progress=progress, outputs=outputs)

    def requeued(self, *, scheduled_at: datetime, counts_as_retry: bool) -> Job:
        """Requeue the job; outputs of this run are discarded, unless its kind is durable."""
        return self._after(
            Transition.REQUEUE,
            progress=0,
            step="",
            outputs=self._kept_outputs,
            scheduled_at=scheduled_at,
            retry_count=self.retry_count + counts_as_retry,
        )

    def rerouted(self, moved: Job, *, at: datetime) -> Job:
        """Requeue the job for the model of `moved`, its next fallback."""
        return self._after(
            Transition.REROUTE,
            progress=0,
            step="",
            outputs=self._kept_outputs,
            scheduled_at=at,
            work=moved.work,
            queue=moved.queue,
            route=moved.route,
            price_id=moved.price_id,
        )

    def reconciling(self, *, until: datetime | None = None) -> Job:
        """Wait for the outcome of a call that may have succeeded. Ends by `until` with the known outcome."""
        return self._after(Transition.RECONCILE, deadline_at=earlier(self.deadline_at, until))

    def cancelling(self, *, at: datetime) -> Job:
        """Ask the run to stop."""
        return self._after(Transition.CANCEL, cancel_requested_at=at)

    def completed(self, *, at: datetime) -> Job:
        """End with the stored outputs; only those are charged."""
        if not self.outputs or (self.stage is Stage.CANCELLING and not self.is_delivered):
            raise IllegalTransition(f"Job {self.id} lacks the outputs to complete with.")
        return self._after(Transition.COMPLETE, progress=100, ended_at=at, captured_credits=self._earned_credits)

    def cancelled(self, *, at: datetime) -> Job:
        """End as cancelled with the outputs stored before; only those are charged."""
        return self._after(
            Transition.STOP,
            progress=self.progress if self.outputs else 0,
            cancel_requested_at=self.cancel_requested_at or at,
            ended_at=at,
            captured_credits=self._earned_credits,
        )

    def failed(self, failure: Failure, *, at: datetime) -> Job:
        """End without outputs and without a charge."""
        return self._after(Transition.FAIL, progress=0, outputs=(), failure=failure, ended_at=at, captured_credits=0)

    def retried(self, *, at: datetime, deadline_at: datetime) -> Job:
        """Begin a new round of a job that ended without outputs, with a new hold."""
        if not self.can_be_retried:
            raise IllegalTransition(f"Job {self.id} has not ended without outputs.")
        return self._after(
            Transition.RETRY,
            round=self.round + 1,
            progress=0,
            step="",
            retry_count=0,
            failure=None,
            captured_credits=None,
            scheduled_at=at,
            deadline_at=deadline_at,
            cancel_at=None,
            cancel_requested_at=None,
            started_at=None,
            ended_at=None,
            start_after=None,
            start_before=None,
        )

    @property
    def _earned_credits(self) -> int:
        """Price of the stored outputs; a fallback model's price is in the route, and never higher."""
        per_unit = self.route.get("credits_per_unit")
        delivered = min(self.units_delivered, self.work.units)
        if per_unit is not None:
            return min(self.cost_credits, int(per_unit) * delivered)
        return self.cost_credits * delivered // self.work.units

    @property
    def _kept_outputs(self) -> tuple[Output, ...]:
        return self.outputs if self.work.is_durable else ()

    def _after(self, transition: Transition, **changes: object) -> Self:
        target = TRANSITIONS.get(((self.status, self.stage), transition))
        if target is None:
            raise IllegalTransition(f"A job in {self.status}/{self.stage} cannot {transition}.")
        status, stage = target
        return replace(self, status=status, stage=stage, sequence=self.sequence + 1, **changes)  # type: ignore[arg-type]


def earlier(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One entry of a job's event sequence."""

    sequence: int
    status: Status
    stage: Stage
    progress: int
    current_step: str
    failure: Failure | None
    set_id: UUID
    created_at: datetime
