"""A generation job: its states, the one table of transitions, and the changes that may be written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Self

from pixel_generation.domain.errors import IllegalTransition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.jobs.output import Output
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


class Stage(StrEnum):
    """Finer position inside a status."""

    WAITING = "waiting"
    ROUTING = "routing"
    STARTING = "starting"
    GENERATING = "generating"
    UPLOADING = "uploading"
    RECONCILING = "reconciling"
    CANCELLING = "cancelling"
    DONE = "done"


class Priority(IntEnum):
    """How soon a job is started among those of its queue; a smaller number is earlier."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


class HoldReason(StrEnum):
    """Why a queued job cannot be claimed; only what stands behind an open hold_reason is."""

    NONE = "open"
    """Nothing holds it: it can be claimed."""
    SCHEDULED = "scheduled"
    """Its time has not come."""
    CAPPED = "capped"
    """Its user has no place."""


class Transition(StrEnum):
    """What can happen to a job."""

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
    # A cancellation of what runs is told to its worker, which stops; what has no worker is cancelled at once.
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


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A requested value that was changed to one the model can make."""

    field: str
    requested: str
    used: str


_STEPS = {
    Stage.WAITING: "Waiting in queue",
    Stage.ROUTING: "Waiting in queue for another model",
    Stage.RECONCILING: "Finding out what the provider made",
    Stage.CANCELLING: "Cancelling",
}
_ENDS = {Status.COMPLETED: "Done", Status.FAILED: "Failed", Status.CANCELLED: "Cancelled"}


@dataclass(frozen=True, slots=True)
class Job:
    """One request and how far it is."""

    id: UUID
    user_id: UUID
    set_id: UUID
    work: Work
    queue: str
    cost_credits: int
    created_at: datetime
    deadline_at: datetime
    scheduled_at: datetime
    """Not claimed before."""
    status: Status = Status.QUEUED
    stage: Stage = Stage.WAITING
    progress: int = 0
    step: str = ""
    """What its run said last of what it does; empty for the words that its kind has for the stage."""
    sequence: int = 1
    """Number of the newest event; grows by one with every change."""
    attempt: int = 0
    """Runs started so far; never goes back."""
    retry_count: int = 0
    """Runs repeated because the provider failed; runs lost with a worker are not counted."""
    max_retries: int = 2
    trace: Mapping[str, str] = field(default_factory=dict)
    """Trace context of the submission, so that its runs are seen in the same trace."""
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    captured_credits: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    priority: Priority = Priority.NORMAL
    round: int = 1
    """Submissions of this job: one, and one more for each retry by its user. Money is settled once per round."""
    hold_reason: HoldReason = HoldReason.NONE
    plan: str = "free"
    cancel_at: datetime | None = None
    """Ends by then, whatever it does."""
    cancel_requested_at: datetime | None = None
    api_key_id: UUID | None = None
    end_user: str = ""
    """Of the caller's app; empty when not given."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    price_id: str = ""
    """Price rule the cost was made with."""
    route: Mapping[str, Any] = field(default_factory=dict)
    """Which model was chosen and why."""
    adjustments: tuple[Adjustment, ...] = ()
    start_after: datetime | None = None
    start_before: datetime | None = None
    """Start interval that was quoted at submission."""

    @property
    def kind(self) -> str:
        """Name of the kind of its work."""
        return self.work.kind

    @property
    def current_step(self) -> str:
        """The step as a person reads it."""
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
        """How much of what was asked for is stored."""
        return sum(output.units for output in self.outputs)

    @property
    def is_delivered(self) -> bool:
        """Everything that was asked for is stored."""
        return self.units_delivered >= self.work.units

    @property
    def can_be_retried(self) -> bool:
        """It ended with nothing that its user paid for."""
        return self.status is Status.FAILED or (self.status is Status.CANCELLED and not self.outputs)

    def claimed(self, *, at: datetime, deadline_at: datetime) -> Job:
        """Begin a run; the first one of a round starts the clock of the whole job."""
        first = self.started_at is None
        return self._after(
            Transition.CLAIM,
            progress=10,
            attempt=self.attempt + 1,
            started_at=at if first else self.started_at,
            deadline_at=earlier(deadline_at, self.cancel_at) if first else self.deadline_at,
        )

    def calling(self) -> Job:
        """About to call the provider: from here the outcome may be unknown."""
        return self._after(Transition.CALL, progress=self.work.progress(self.units_delivered))

    def advanced(self, *, progress: int | None = None, step: str | None = None) -> Job:
        """Go on with the run, perhaps with another step."""
        return self._after(
            Transition.ADVANCE,
            progress=self.progress if progress is None else progress,
            step=self.step if step is None else step,
        )

    def delivered(self, output: Output) -> Job:
        """One more output is stored, or one anew."""
        others = tuple(other for other in self.outputs if other.index != output.index)
        if self.is_delivered and len(others) == len(self.outputs):
            raise IllegalTransition(f"Job {self.id} has all its outputs.")
        outputs = tuple(sorted((*others, output), key=lambda each: each.index))
        progress = self.work.progress(sum(each.units for each in outputs))
        return self._after(Transition.DELIVER, progress=progress, outputs=outputs)

    def requeued(self, *, scheduled_at: datetime, counts_as_retry: bool) -> Job:
        """Give the job back to the queue; outputs of this run are forgotten, unless the next one goes on from them."""
        return self._after(
            Transition.REQUEUE,
            progress=0,
            step="",
            outputs=self._kept_outputs,
            scheduled_at=scheduled_at,
            retry_count=self.retry_count + counts_as_retry,
        )

    def rerouted(self, moved: Job, *, at: datetime) -> Job:
        """Give the job back to the queue for the model of `moved`, its next fallback."""
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
        """Stop before anything is repeated: the provider may have done the work. Ends by `until` with what is known."""
        return self._after(Transition.RECONCILE, deadline_at=earlier(self.deadline_at, until))

    def cancelling(self, *, at: datetime) -> Job:
        """Tell the run to stop."""
        return self._after(Transition.CANCEL, cancel_requested_at=at)

    def completed(self, *, at: datetime) -> Job:
        """End with the outputs that are stored; only those are paid."""
        if not self.outputs or (self.stage is Stage.CANCELLING and not self.is_delivered):
            raise IllegalTransition(f"Job {self.id} lacks the outputs to complete with.")
        return self._after(Transition.COMPLETE, progress=100, ended_at=at, captured_credits=self._earned_credits)

    def cancelled(self, *, at: datetime) -> Job:
        """End with the outputs that were stored before it stopped; only those are paid."""
        return self._after(
            Transition.STOP,
            progress=self.progress if self.outputs else 0,
            cancel_requested_at=self.cancel_requested_at or at,
            ended_at=at,
            captured_credits=self._earned_credits,
        )

    def failed(self, failure: Failure, *, at: datetime) -> Job:
        """End without outputs and without cost."""
        return self._after(Transition.FAIL, progress=0, outputs=(), failure=failure, ended_at=at, captured_credits=0)

    def retried(self, *, at: datetime, deadline_at: datetime) -> Job:
        """Begin a new round of a job that ended with nothing; its hold is made anew."""
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
        """Price of the outputs that are stored; that of a fallback model is in the route, and never higher."""
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
