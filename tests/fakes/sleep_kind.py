"""A kind of work for tests only: `sleep`, in three steps, each a long call to a provider.

It is added as any kind is: a payload, a port of its provider, a runner, messages and rows of the catalogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self

from pixel.generation.v1 import events_pb2
from pixel_errors import Violation
from pixel_events import OutboxEvent
from pixel_generation.adapters.work.image import ImageMessages
from pixel_generation.adapters.work.messages import WorkMessages
from pixel_generation.application.execution.runner import (
    Assignment,
    Produced,
    Progress,
    Said,
    StepDone,
    StepStarted,
)
from pixel_generation.domain.catalogue.catalogue import Model
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.providers.provider import Outcome, Provider
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.domain.work.stage import Stage
from pixel_generation.domain.work.work import Fit, Kinds, digest
from pixel_runtime.ids import format_id

STEPS = ("lie down", "dream", "get up")
MOST_SECONDS = 9
USD_MICROS_PER_SECOND = 5


@dataclass(frozen=True, slots=True)
class SleepWork:
    """A request to sleep; its unit is the second."""

    kind: ClassVar[str] = "sleep"
    needs: ClassVar[str] = "sleeping"
    is_durable: ClassVar[bool] = True

    seconds: int
    model: str = ""
    diary: str = ""

    @property
    def quality(self) -> str:
        return ""

    @property
    def size(self) -> str:
        return ""

    @property
    def units(self) -> int:
        return self.seconds

    def as_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "model": self.model, "diary": self.diary}

    def fingerprint(self) -> bytes:
        return digest(self.as_dict() | {"kind": self.kind})

    def redacted(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "model": self.model}

    def violations(self) -> Iterable[Violation]:
        if self.seconds % len(STEPS) or not 1 <= self.seconds <= MOST_SECONDS:
            yield Violation("seconds", f"One sleeps 3, 6 or {MOST_SECONDS} seconds.")

    def fit(self, model: Model, *, adjust: bool = False) -> Fit:
        del adjust
        return Fit(SleepWork(self.seconds, model.id, self.diary))

    def moved_to(self, model: Model) -> Self:
        del model
        return self

    def drawn(self, model: Model, draw_seed: Callable[[], int]) -> Self:
        del model, draw_seed
        return self

    def progress(self, delivered: int) -> int:
        return 20 + 70 * delivered // self.seconds

    def step(self, stage: Stage, delivered: int) -> str:
        return f"Sleeping {self.seconds} s" if stage is Stage.STARTING else f"{delivered} of {self.seconds} s slept"


class Sleeping(Provider, Protocol):
    """The capability port of sleeping, a long call: submit, poll, cancel."""

    async def submit(self, key: str, seconds: int) -> str:
        """Return the id of the task; the same key is the same task. Raises ProviderError."""

    async def poll(self, task: str) -> bool:
        """Return whether the task is done; raise ProviderError."""

    async def cancel(self, task: str) -> None:
        """Cancel an open task."""


class Dormitory:
    """Sleeps at once, except for the keys in `awake`; counts its charges."""

    capabilities = frozenset({SleepWork.needs})
    repeatable = False

    def __init__(self) -> None:
        self.tasks: dict[str, int] = {}
        self.polled: list[str] = []
        self.cancelled: list[str] = []
        self.awake: Callable[[str], bool] = lambda _key: False
        self.refused: Exception | None = None

    async def submit(self, key: str, seconds: int) -> str:
        if self.refused is not None:
            raise self.refused
        self.tasks[key] = self.tasks.get(key, 0) + seconds
        return key

    async def poll(self, task: str) -> bool:
        self.polled.append(task)
        return not self.awake(task)

    async def cancel(self, task: str) -> None:
        self.cancelled.append(task)

    async def close(self) -> None:
        return


class SleepRunner:
    def __init__(self, providers: Mapping[str, Sleeping], *, poll_s: float = 0.01) -> None:
        self._providers = providers
        self._poll_s = poll_s

    def is_repeatable(self, model: Model) -> bool:
        return model.provider in self._providers

    async def run(self, assignment: Assignment) -> AsyncIterator[Said]:
        provider, seconds = self._providers[assignment.model.provider], assignment.job.work.units // len(STEPS)
        for place, name in enumerate(STEPS):
            known = assignment.steps.get(name)
            if known is not None and known.is_finished:
                continue
            if known is None:
                yield Progress(step=f"Going to {name}")
                task = await provider.submit(f"{assignment.job.id}/{name}", seconds)
                yield StepStarted(name, {"task": task}, Progress(step=f"Step {place + 1} of {len(STEPS)}: {name}"))
            else:
                task = known.output["task"]
            while not await provider.poll(task):
                await asyncio.sleep(self._poll_s)
            record = Produced(place, f"{name}\n".encode(), "text/plain", units=seconds, facts={"slept": name})
            cost = CallRecord(Outcome.SENT, task, seconds * USD_MICROS_PER_SECOND)
            yield StepDone(name, {"seconds": seconds}, cost, record)

    async def abandon(self, assignment: Assignment) -> None:
        provider = self._providers[assignment.model.provider]
        for step in assignment.steps.values():
            if not step.is_finished:
                await provider.cancel(step.output["task"])


class SleepMessages:
    """Sleep has no events for other services; its workers are signalled."""

    kind: ClassVar[str] = SleepWork.kind

    def write(self, work: SleepWork) -> None:
        del work

    def read(self, message: Any) -> SleepWork:
        raise AssertionError(f"{message} holds no sleep")

    def requested(self, job: Job, at: datetime) -> OutboxEvent:
        del at
        user = format_id("usr", job.user_id)
        message = events_pb2.AiGenerationRequested(request_id=format_id("gen", job.id), user_id=user)
        return OutboxEvent("ai.gemini.requests", user, message)

    def ended(self, job: Job, at: datetime) -> None:
        del job, at


KINDS = Kinds(ImageWork, SleepWork)
MESSAGES = WorkMessages(ImageMessages(), SleepMessages())

CATALOGUE = (
    "INSERT INTO queues (queue, provider) VALUES ('sleep', 'dormitory')",
    """
    INSERT INTO models
        (id, position, provider, provider_model, display_name, queue, credits_per_unit, ratios, typical_seconds,
         capabilities)
    VALUES ('deep-sleep', 50, 'dormitory', 'deep', 'Deep sleep', 'sleep', 2, '{}', 3, '{sleeping}')
    """,
    "INSERT INTO prices (id, model, credits_per_unit, cost_usd_micros) VALUES ('deep-sleep/1', 'deep-sleep', 2, 5)",
)
