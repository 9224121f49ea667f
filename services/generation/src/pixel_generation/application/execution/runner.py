"""The port of runners, and the items they yield."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pixel_generation.domain.jobs.attempt import CallRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pixel_generation.domain.catalogue.catalogue import Model
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.jobs.step import Step


@dataclass(frozen=True, slots=True)
class Assignment:
    """One run of one job."""

    job: Job
    """The job at the start of the run; it includes outputs of earlier runs if its kind is durable."""
    model: Model
    time_left_s: float
    """The deadline of the job."""
    steps: Mapping[str, Step] = field(default_factory=dict)
    """Steps of earlier runs of the round, by key."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Percent and message of the run; None keeps a value."""

    percent: int | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Produced:
    """An output to store and deliver; the bytes are not trusted."""

    index: int
    data: bytes
    content_type: str
    units: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of its kind that the store does not determine."""
    call: CallRecord | None = None
    """Record of the call that made it, when it is not a step."""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A paid step begins; `resume` has the data with which the next run continues it."""

    key: str
    resume: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step is finished for good; its output is delivered with it."""

    key: str
    output: Mapping[str, Any] = field(default_factory=dict)
    call: CallRecord | None = None
    produced: Produced | None = None
    progress: Progress = field(default_factory=Progress)
    """With an output, the progress is that of the delivery."""


Said = Progress | Produced | StepStarted | StepDone | CallRecord
"""A record alone is the cost of a call without an output."""


class Runner(Protocol):
    """Runs work of one kind. It knows no lease, retry, event or billing: the engine writes the items it yields.

    The engine requests the next item only when the last one is durable. A cancelled run is closed at its current await.
    """

    def is_repeatable(self, model: Model) -> bool:
        """Return whether another run of a started job repeats no cost."""

    def run(self, assignment: Assignment) -> AsyncIterator[Said]:
        """Yield the items in order; raise ProviderError."""

    async def abandon(self, assignment: Assignment) -> None:
        """Stop the started steps of an ending job at the provider. Called for durable kinds only."""
