"""A generation job: its states, the one table of transitions, and the changes that may be written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from pixel_generation.domain.errors import IllegalTransition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.spec import GenerationSpec


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
    STARTING = "starting"
    GENERATING = "generating"
    UPLOADING = "uploading"
    RECONCILING = "reconciling"
    DONE = "done"


class Move(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"
    CALL = "call"
    DELIVER = "deliver"
    REQUEUE = "requeue"
    RECONCILE = "reconcile"
    COMPLETE = "complete"
    FAIL = "fail"


State = tuple[Status, Stage]

QUEUED: State = (Status.QUEUED, Stage.WAITING)
STARTING: State = (Status.PROCESSING, Stage.STARTING)
GENERATING: State = (Status.PROCESSING, Stage.GENERATING)
UPLOADING: State = (Status.PROCESSING, Stage.UPLOADING)
RECONCILING: State = (Status.PROCESSING, Stage.RECONCILING)
COMPLETED: State = (Status.COMPLETED, Stage.DONE)
FAILED: State = (Status.FAILED, Stage.DONE)

TRANSITIONS: dict[tuple[State, Move], State] = {
    (QUEUED, Move.CLAIM): STARTING,
    (QUEUED, Move.FAIL): FAILED,
    (STARTING, Move.CALL): GENERATING,
    (STARTING, Move.REQUEUE): QUEUED,
    (STARTING, Move.FAIL): FAILED,
    (GENERATING, Move.DELIVER): UPLOADING,
    (GENERATING, Move.REQUEUE): QUEUED,
    (GENERATING, Move.RECONCILE): RECONCILING,
    (GENERATING, Move.FAIL): FAILED,
    (UPLOADING, Move.DELIVER): UPLOADING,
    (UPLOADING, Move.COMPLETE): COMPLETED,
    (UPLOADING, Move.REQUEUE): QUEUED,
    (UPLOADING, Move.RECONCILE): RECONCILING,
    (UPLOADING, Move.FAIL): FAILED,
    (RECONCILING, Move.COMPLETE): COMPLETED,
    (RECONCILING, Move.FAIL): FAILED,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended without pictures."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class DeliveredImage:
    """A picture that media has stored."""

    asset_id: UUID
    index: int
    width: int
    height: int
    content_type: str
    size_bytes: int
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One request for pictures and how far it is."""

    id: UUID
    user_id: UUID
    set_id: UUID
    spec: GenerationSpec
    lane: str
    cost_credits: int
    created_at: datetime
    deadline_at: datetime
    scheduled_at: datetime
    """Not claimed before."""
    status: Status = Status.QUEUED
    stage: Stage = Stage.WAITING
    progress: int = 0
    sequence: int = 1
    """Number of the newest event; grows by one with every change."""
    attempt: int = 0
    """Runs started so far; never goes back."""
    retry_count: int = 0
    """Runs repeated because the provider failed; runs lost with a worker are not counted."""
    max_retries: int = 2
    trace: Mapping[str, str] = field(default_factory=dict)
    """Trace context of the submission, so that its runs are seen in the same trace."""
    images: tuple[DeliveredImage, ...] = ()
    failure: Failure | None = None
    captured_credits: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def message(self) -> str:
        """The step as a person reads it."""
        wanted = self.spec.number_of_images
        match self.stage:
            case Stage.WAITING:
                return "Waiting in queue" if self.attempt == 0 else "Waiting in queue to try again"
            case Stage.STARTING:
                return f"Making {wanted} image{'s' if wanted > 1 else ''}"
            case Stage.GENERATING:
                return "AI is generating your images"
            case Stage.UPLOADING:
                return f"Uploading to storage ({len(self.images)} of {wanted})"
            case Stage.RECONCILING:
                return "Finding out what the provider made"
            case Stage.DONE:
                return "Done" if self.status is Status.COMPLETED else "Failed"

    def claimed(self, *, at: datetime, deadline_at: datetime) -> Job:
        """Begin a run; the first one starts the clock of the whole job."""
        first = self.attempt == 0
        return self._moved(
            Move.CLAIM,
            progress=10,
            attempt=self.attempt + 1,
            started_at=at if first else self.started_at,
            deadline_at=deadline_at if first else self.deadline_at,
        )

    def calling(self) -> Job:
        """About to call the provider: from here the outcome may be unknown."""
        return self._moved(Move.CALL, progress=50)

    def delivered(self, image: DeliveredImage) -> Job:
        """One more picture is stored."""
        images = tuple(sorted((*self.images, image), key=lambda delivered: delivered.index))
        progress = 60 + 35 * len(images) // self.spec.number_of_images
        return self._moved(Move.DELIVER, progress=min(progress, 95), images=images)

    def requeued(self, *, scheduled_at: datetime, counts_as_retry: bool) -> Job:
        """Give the job back to the queue; pictures of this run are forgotten."""
        return self._moved(
            Move.REQUEUE,
            progress=0,
            images=(),
            scheduled_at=scheduled_at,
            retry_count=self.retry_count + counts_as_retry,
        )

    def reconciling(self) -> Job:
        """Stop before anything is repeated: the provider may have done the work."""
        return self._moved(Move.RECONCILE)

    def completed(self, *, at: datetime) -> Job:
        """End with the pictures that are stored; only those are paid."""
        if not self.images:
            raise IllegalTransition(f"Job {self.id} has no pictures to complete with.")
        captured = self.cost_credits * len(self.images) // self.spec.number_of_images
        return self._moved(Move.COMPLETE, progress=100, ended_at=at, captured_credits=captured)

    def failed(self, failure: Failure, *, at: datetime) -> Job:
        """End without pictures and without cost."""
        return self._moved(Move.FAIL, progress=0, images=(), failure=failure, ended_at=at, captured_credits=0)

    def _moved(self, move: Move, **changes: object) -> Self:
        target = TRANSITIONS.get(((self.status, self.stage), move))
        if target is None:
            raise IllegalTransition(f"A job in {self.status}/{self.stage} cannot {move}.")
        status, stage = target
        return replace(self, status=status, stage=stage, sequence=self.sequence + 1, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One entry of a job's event sequence."""

    sequence: int
    status: Status
    stage: Stage
    progress: int
    message: str
    failure: Failure | None
    set_id: UUID
    created_at: datetime
