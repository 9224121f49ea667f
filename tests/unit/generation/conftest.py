"""A whole engine on fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from pixel_errors import PixelError
from pixel_generation.application.cancel_generations import CancelTools, cancel_generations
from pixel_generation.application.engine_ports import CallLookup
from pixel_generation.application.lane_rooms import LaneRooms
from pixel_generation.application.live_catalogue import LiveCatalogue
from pixel_generation.application.provider_health import HealthOfProviders
from pixel_generation.application.read_generations import GenerationReader
from pixel_generation.application.resubmissions import Resubmissions
from pixel_generation.application.retry_generations import RetryTools, retry_generations
from pixel_generation.application.run_job import RunTools
from pixel_generation.application.start_quotes import StartQuotes
from pixel_generation.application.submission_batcher import SubmissionBatcher
from pixel_generation.application.submit_generations import Accepted, SubmitGeneration, submit_generations
from pixel_generation.application.sweep_jobs import SweepTools, sweep_jobs
from pixel_generation.application.work import Worker, WorkLimits
from pixel_generation.domain.cancellation import CancelOutcome
from pixel_generation.domain.job import Job
from pixel_generation.domain.recovery import RetryPolicy
from pixel_generation.domain.spec import GenerationSpec

from tests.fakes.generation import FakeClock, FakeJobs, FakeRandomness, FakeStore, a_user
from tests.fakes.generation_catalogue import FakeCatalogue
from tests.fakes.generation_eta import FakeEtaObserver, FakeLaneCounts, FakeQueueOutlines
from tests.fakes.generation_health import FakeHealthObserver, FakeHealthStore
from tests.fakes.generation_neighbours import (
    FakeActions,
    FakeAssets,
    FakeEngineObserver,
    FakeGates,
    FakeImageModel,
    FakeObserver,
    FakeTracing,
)


@dataclass
class Engine:
    """Everything wired on fakes."""

    store: FakeStore
    clock: FakeClock
    painter: FakeImageModel
    vendor: FakeImageModel
    assets: FakeAssets
    observer: FakeObserver
    catalogue: LiveCatalogue
    batcher: SubmissionBatcher
    reader: GenerationReader
    randomness: FakeRandomness
    starts: StartQuotes
    outlines: FakeQueueOutlines
    counts: FakeLaneCounts
    rooms: LaneRooms
    breakers: FakeHealthStore
    breaker_observer: FakeHealthObserver
    punctualities: FakeEtaObserver

    engine_observer: FakeEngineObserver = field(default_factory=FakeEngineObserver)
    actions: FakeActions = field(default_factory=FakeActions)

    async def user(self, credits_given: int = 100) -> UUID:
        user = a_user()
        await self.store.grant(user, credits_given, grant_id="signup", reason="")
        return user

    async def submit(self, *commands: SubmitGeneration) -> list[Accepted | PixelError]:
        return await submit_generations(
            commands,
            catalogue=self.catalogue,
            batcher=self.batcher,
            clock=self.clock,
            randomness=self.randomness,
            observer=self.observer,
            starts=self.starts,
            rooms=self.rooms,
            max_wait=timedelta(hours=1),
            max_retries=2,
        )

    async def accepted(self, user: UUID, *, images: int = 2, model: str = "") -> UUID:
        spec = GenerationSpec("a fox", model=model, number_of_images=images)
        (outcome,) = await self.submit(SubmitGeneration(user, spec))
        assert isinstance(outcome, Accepted)
        return outcome.job_id

    def worker(self, limits: WorkLimits | None = None) -> Worker:
        providers = {"sketch": self.painter, "openai": self.vendor}
        tools = RunTools(
            FakeJobs(self.store),
            self.assets,
            self.clock,
            self.randomness,
            self.observer,
            FakeTracing(),
            RetryPolicy(first_delay_s=0),
            HealthOfProviders(self.breakers, self.breaker_observer, self.randomness.fraction),
            self.catalogue,
            self.punctualities,
        )
        return Worker("w1", catalogue=self.catalogue, providers=providers, tools=tools, limits=limits or WorkLimits())

    async def sweep(self, lookups: Mapping[str, CallLookup] | None = None) -> int:
        providers = {"sketch": self.painter, "openai": self.vendor}
        tools = SweepTools(
            FakeJobs(self.store),
            self.store,
            self.catalogue,
            providers,
            self.clock,
            self.observer,
            RetryPolicy(),
            FakeGates(),
            self.store,
            self.engine_observer,
            lookups or {},
        )
        return await sweep_jobs(tools=tools)

    async def cancel(self, user: UUID, *job_ids: UUID, patience_s: float = 2.0) -> list[CancelOutcome | str]:
        """Return the outcome of each, or the reason why there is none."""
        tools = CancelTools(
            self.store, FakeJobs(self.store), self.clock, self.observer, self.engine_observer, patience_s=patience_s
        )
        results = await cancel_generations(user, job_ids, tools=tools)
        return [result.code if isinstance(result, PixelError) else result.outcome for result in results]

    async def retry(self, user: UUID, *job_ids: UUID) -> list[Accepted | PixelError]:
        resubmissions = Resubmissions(
            self.batcher, self.catalogue, self.clock, self.observer, max_wait=timedelta(hours=1)
        )
        tools = RetryTools(self.store, resubmissions, self.actions, self.clock, self.randomness)
        return await retry_generations(user, job_ids, tools=tools)

    def job(self, job_id: UUID) -> Job:
        return self.store.rows[job_id].job


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    clock = FakeClock()
    store = FakeStore(clock)
    observer = FakeObserver()
    catalogue = LiveCatalogue(FakeCatalogue(providers=frozenset({"sketch", "openai"})))
    batcher = SubmissionBatcher(store, observer)
    await batcher.start()
    counts = FakeLaneCounts(store)
    outlines = FakeQueueOutlines(store)
    starts = StartQuotes(outlines, catalogue, slots=2, lane_slots={})
    yield Engine(
        store,
        clock,
        FakeImageModel(),
        FakeImageModel(repeatable=False),
        FakeAssets(),
        observer,
        catalogue,
        batcher,
        GenerationReader(store, starts, clock),
        FakeRandomness(),
        starts,
        outlines,
        counts,
        LaneRooms(counts),
        FakeHealthStore(clock),
        FakeHealthObserver(),
        FakeEtaObserver(),
    )
    await batcher.stop()
