"""Providers, media and metrics of the generation service in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from pixel_generation.application.execution.runner import Produced
from pixel_generation.application.operations.ports import Action
from pixel_generation.application.reading.page import Page
from pixel_generation.domain.jobs.cancellation import CancelOutcome
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE, ImageRequest, ProducedImage


class FakeTextToImage:
    """Yields `pictures` for each request; `before` runs first and may raise or wait; `then` is raised at the end."""

    capabilities = frozenset({TEXT_TO_IMAGE})

    def __init__(self, *, repeatable: bool = True) -> None:
        self.repeatable = repeatable
        self.requests: list[ImageRequest] = []
        self.pictures: int | None = None
        self.before: Callable[[ImageRequest], object] | None = None
        self.then: Exception | None = None
        self.closed = False

    async def generate(self, request: ImageRequest) -> AsyncIterator[ProducedImage]:
        self.requests.append(request)
        if self.before is not None:
            waiting = self.before(request)
            if hasattr(waiting, "__await__"):
                await waiting
        for index in range(request.count if self.pictures is None else self.pictures):
            data = f"{request.prompt} {request.seed + index}".encode()
            yield ProducedImage(index, data, "image/png", request.seed + index, f"req-{len(self.requests)}", 10)
        if self.then is not None:
            raise self.then

    async def close(self) -> None:
        self.closed = True


class FakeAssets:
    """Stores images; `trouble` is raised, one per call, until it is empty; hangs after `stuck_after` images."""

    def __init__(self) -> None:
        self.stored: dict[UUID, bytes] = {}
        self.trouble: list[Exception] = []
        self.stuck_after: int | None = None

    async def store(self, produced: Produced, *, asset_id: UUID, job: Job) -> Output:
        if self.trouble:
            raise self.trouble.pop(0)
        if self.stuck_after is not None and len(self.stored) >= self.stuck_after:
            await asyncio.Event().wait()
        self.stored[asset_id] = produced.data
        return stored_output(produced, asset_id)


def stored_output(produced: Produced, asset_id: UUID) -> Output:
    """Return the attributes that media returns for a stored image."""
    facts = {"width": 1024, "height": 1024, **produced.facts}
    return Output(asset_id, produced.index, produced.content_type, len(produced.data), produced.units, facts)


class FakeQueueHolds:
    """Ends no holds; counts the calls."""

    def __init__(self) -> None:
        self.looks = 0

    async def end_due(self, limit: int) -> int:
        self.looks += 1
        return 0

    async def end_missed(self) -> int:
        self.looks += 1
        return 0

    async def age(self, limit: int) -> int:
        self.looks += 1
        return 0


class FakeLookup:
    """A provider that can look up the outcome of calls."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.asked: list[str] = []

    async def look_up(self, *, generation_id: str, attempt: int, provider_request_id: str) -> Outcome:
        self.asked.append(generation_id)
        return self.outcome


class FakeActions:
    """Records actions."""

    def __init__(self) -> None:
        self.recorded: list[Action] = []

    async def record(self, action: Action) -> None:
        self.recorded.append(action)

    async def page(self, *, user_id: UUID | None, job_id: UUID | None, before: UUID, limit: int) -> Page[Action, UUID]:
        found = [
            each
            for each in sorted(self.recorded, key=lambda action: action.id, reverse=True)
            if each.id < before and user_id in {None, each.user_id} and job_id in {None, each.job_id}
        ]
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


@dataclass
class FakeEngineObserver:
    """Records metrics."""

    cancels: list[str] = field(default_factory=list)
    unknown_calls: int = 0
    opened: int = 0
    moved: int = 0

    def cancelled(self, outcome: CancelOutcome) -> None:
        self.cancels.append(outcome.value)

    def reconciling(self, jobs: int) -> None:
        self.unknown_calls = jobs

    def holds_ended(self, jobs: int, why: str) -> None:
        self.opened += jobs

    def aged(self, jobs: int) -> None:
        return

    def archived(self, jobs: int) -> None:
        self.moved += jobs


class FakeTracing:
    @contextmanager
    def running(self, job: Job) -> Iterator[None]:
        yield


@dataclass
class FakeObserver:
    """Records metrics."""

    verdicts: list[str] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    requeues: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    depths: dict[str, int] = field(default_factory=dict)
    fences: int = 0
    pickups: int = 0

    def submitted(self, verdict: str) -> None:
        self.verdicts.append(str(verdict))

    def picked_up(self, seconds: float) -> None:
        self.pickups += 1

    def ended(self, job: Job) -> None:
        self.ends.append((job.status.value, job.failure.code if job.failure else ""))

    def requeued(self, reason: str) -> None:
        self.requeues.append(reason)

    def fenced(self) -> None:
        self.fences += 1

    def called(self, provider: str, outcome: str, seconds: float, *, cost_usd_micros: int | None) -> None:
        self.calls.append((provider, outcome))

    def queue_depth(self, queue: str, jobs: int) -> None:
        self.depths[queue] = jobs
