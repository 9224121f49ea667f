"""Generations in the gateway; the generation service owns them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

HELD_BACK_PROGRESS = 95
"""Percent shown while the pictures exist but their set cannot be read yet."""


class Status(StrEnum):
    """Public state of a generation."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

_SEED_WORDS = {"pending": Status.QUEUED, "complete": Status.COMPLETED, "canceled": Status.CANCELLED}


def parse_status(word: str) -> Status:
    """Return the status of a public name, older spellings included; raise ValueError for another name."""
    return _SEED_WORDS.get(word) or Status(word)


class Stage(StrEnum):
    """Finer position inside the status."""

    WAITING = "waiting"
    ROUTING = "routing"
    STARTING = "starting"
    GENERATING = "generating"
    UPLOADING = "uploading"
    RECONCILING = "reconciling"
    CANCELLING = "cancelling"
    DONE = "done"


_HELD_BACK: Mapping[str, Any] = {
    "status": Status.PROCESSING,
    "stage": Stage.UPLOADING,
    "progress": HELD_BACK_PROGRESS,
    "message": "Uploading to storage",
}


class JobType(StrEnum):
    """Kind of work."""

    IMAGE = "image"
    EDIT = "edit"
    COMPOSE = "compose"
    VIDEO = "video"
    CAROUSEL = "carousel"


class Priority(StrEnum):
    """Priority of a job in its queue."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True)
class Spec:
    """The requested work; empty values mean the model's default."""

    prompt: str
    model: str = ""
    number_of_images: int = 1
    style: str = ""
    quality: str = ""
    aspect_ratio: str = ""
    size: str = ""
    custom_prompt: str = ""
    seed: int | None = None
    private: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """One delivered picture."""

    asset_id: str
    index: int
    width: int
    height: int
    content_type: str
    size_bytes: int
    seed: int | None = None


@dataclass(frozen=True)
class Failure:
    """Why a generation ended without its pictures."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True)
class Adjustment:
    """A requested value that was changed because the caller allowed it."""

    field: str
    requested: str
    used: str


@dataclass(frozen=True)
class RouteCandidate:
    """A considered model; an unknown cost is None."""

    model: str
    excluded_because: str
    health: str
    cost_credits: int | None = None


@dataclass(frozen=True)
class Route:
    """The model of a request, and the reason."""

    model: str = ""
    fallback_models: tuple[str, ...] = ()
    candidates: tuple[RouteCandidate, ...] = ()
    rule: str = ""


@dataclass(frozen=True)
class Progress:
    """One stored event of a generation, or its current state in the same form."""

    generation_id: str
    user_id: str
    sequence: int
    status: Status
    stage: Stage
    progress: int
    message: str
    set_id: str
    time: datetime
    failure: Failure | None = None

    def held_back(self) -> Progress:
        """Return the completing event as shown until the set can be read; see `Generation.held_back`."""
        return replace(self, **_HELD_BACK, sequence=self.sequence - 1)


@dataclass(frozen=True)
class Generation:
    """A generation."""

    id: str
    user_id: str
    spec: Spec
    set_id: str
    status: Status
    stage: Stage
    progress: int
    message: str
    sequence: int
    cost_credits: int
    create_time: datetime
    attempt: int = 0
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    captured_credits: int | None = None
    queue_position: int = 0
    eta_s: tuple[float, float] | None = None
    remaining_s: float | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    job_type: JobType = JobType.IMAGE
    priority: Priority = Priority.NORMAL
    round: int = 1
    schedule_time: datetime | None = None
    cancel_time: datetime | None = None
    adjustments: tuple[Adjustment, ...] = ()
    route: Route | None = None
    waits_for: str = ""
    position_reason: str = ""
    """Why generations accepted later are ahead in the queue."""
    end_user: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def as_progress(self) -> Progress:
        """Return the current state in the form of an event."""
        return Progress(
            generation_id=self.id,
            user_id=self.user_id,
            sequence=self.sequence,
            status=self.status,
            stage=self.stage,
            progress=self.progress,
            message=self.message,
            set_id=self.set_id,
            time=self.end_time or self.start_time or self.create_time,
            failure=self.failure,
        )

    def held_back(self) -> Generation:
        """Return a completed generation as shown until its set can be read.

        The sequence stops before the completing event, so that a client that resumes from it gets the end.
        """
        return replace(
            self,
            **_HELD_BACK,
            sequence=self.sequence - 1,
            outputs=(),
            captured_credits=None,
            end_time=None,
        )


@dataclass(frozen=True)
class Model:
    """A model of the catalogue."""

    id: str
    provider: str
    aliases: tuple[str, ...]
    display_name: str
    credits_per_image: int
    aspect_ratios: tuple[tuple[str, int, int], ...]
    styles: tuple[str, ...]
    qualities: tuple[str, ...]
    max_images: int
    available: bool
