"""What runs work of one kind, and what it says while it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pixel_generation.domain.jobs.attempt import CallRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.jobs.step import Step
    from pixel_generation.domain.routing.catalogue import Model


@dataclass(frozen=True, slots=True)
class Assignment:
    """One run of one job."""

    job: Job
    """As it is when its work begins; outputs of earlier runs are in it if its kind is durable."""
    model: Model
    time_left_s: float
    """Until the job must have ended."""
    steps: Mapping[str, Step] = field(default_factory=dict)
    """What earlier runs of the round began and finished, by key."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the run is, and what it does; None leaves either as it is."""

    percent: int | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Produced:
    """Something to be stored and delivered; the bytes are not trusted."""

    index: int
    data: bytes
    content_type: str
    units: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What its kind says of it, and the store does not find out."""
    call: CallRecord | None = None
    """What is known of the call that made it, when that is no step."""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step is about to cost something; `resume` holds what the next run needs to go on with it."""

    key: str
    resume: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step is finished, once and for all, and with it is delivered what it produced."""

    key: str
    output: Mapping[str, Any] = field(default_factory=dict)
    call: CallRecord | None = None
    produced: Produced | None = None
    progress: Progress = field(default_factory=Progress)
    """Where it delivers something, the progress is that of the delivery."""


Said = Progress | Produced | StepStarted | StepDone | CallRecord
"""A bare record is what a call cost that gave nothing to deliver."""


class Runner(Protocol):
    """Makes what work of one kind asks for. It knows no lease, retry, event or money: what it says, the engine writes.

    The engine takes the next item only when the last one is durable. A run that is cancelled is closed where it waits.
    """

    def is_repeatable(self, model: Model) -> bool:
        """Tell whether another run of a job that was begun costs nothing twice."""

    def run(self, assignment: Assignment) -> AsyncIterator[Said]:
        """Yield what happens, in order; raise ProviderError."""

    async def abandon(self, assignment: Assignment) -> None:
        """Stop at the provider what its steps have begun: the job ends. Only asked for kinds that are durable."""
