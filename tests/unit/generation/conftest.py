"""A whole engine on fakes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from pixel_errors import PixelError
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.caches.queue_capacity import CountedQueueCapacity
from pixel_generation.adapters.outbound.caches.queue_snapshots import CachedQueueSnapshots
from pixel_generation.application.execution.provider_health import HealthOfProviders
from pixel_generation.application.execution.run import RunTools
from pixel_generation.application.execution.runners.image import ImageRunner
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.application.maintenance.archive import archive_jobs
from pixel_generation.application.maintenance.change_jobs import ChangeTools
from pixel_generation.application.maintenance.duty import Duty, run_all
from pixel_generation.application.maintenance.end_unserved import end_unserved_jobs
from pixel_generation.application.maintenance.expire import end_overdue_jobs
from pixel_generation.application.maintenance.look_up import look_up_unknown_calls
from pixel_generation.application.maintenance.measure_depths import measure_queue_depths
from pixel_generation.application.maintenance.ports import CallLookup
from pixel_generation.application.maintenance.release_holds import release_missed_holds
from pixel_generation.application.maintenance.rescue import rescue_abandoned_runs
from pixel_generation.application.maintenance.signal_queues import signal_overlooked_queues
from pixel_generation.application.reading.read_generations import (
    GenerationView,
    ListEvents,
    ListUserEvents,
    ReadTools,
    UserEventsPage,
    describe_accepted,
    find_generation,
    list_events,
    list_user_events,
)
from pixel_generation.application.reading.start_estimates import StartEstimates
from pixel_generation.application.submission.cancel import CancelTools, cancel_generations
from pixel_generation.application.submission.resubmissions import ResubmitTools, resubmit_jobs
from pixel_generation.application.submission.retry import RetryTools, retry_generations
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration, submit_generations
from pixel_generation.domain.jobs.cancellation import CancelOutcome
from pixel_generation.domain.jobs.job import Job, StoredEvent
from pixel_generation.domain.jobs.recovery import RetryPolicy
from pixel_generation.domain.work.image import ImageWork

from tests.fakes.generation import FakeClock, FakeRandomness, FakeStore, a_user
from tests.fakes.generation_catalogue import FakeCatalogue
from tests.fakes.generation_duties import FakeDueJobs, FakeDutyObserver, FakeLeadership, FakeSetAside
from tests.fakes.generation_eta import FakeEtaObserver, FakeQueueCounts, FakeQueueSnapshots
from tests.fakes.generation_health import FakeHealthObserver, FakeHealthStore
from tests.fakes.generation_jobs import FakeJobs
from tests.fakes.generation_neighbours import (
    FakeActions,
    FakeAssets,
    FakeEngineObserver,
    FakeObserver,
    FakeQueueHolds,
    FakeTextToImage,
    FakeTracing,
)


@dataclass
class Engine:
    """Everything wired on fakes."""

    store: FakeStore
    clock: FakeClock
    painter: FakeTextToImage
    vendor: FakeTextToImage
    assets: FakeAssets
    observer: FakeObserver
    catalogue: CachedCatalogue
    reading: ReadTools
    randomness: FakeRandomness
    starts: StartEstimates
    snapshots: FakeQueueSnapshots
    counts: FakeQueueCounts
    capacity: CountedQueueCapacity
    breakers: FakeHealthStore
    breaker_observer: FakeHealthObserver
    accuracies: FakeEtaObserver

    engine_observer: FakeEngineObserver = field(default_factory=FakeEngineObserver)
    actions: FakeActions = field(default_factory=FakeActions)
    set_aside: FakeSetAside = field(default_factory=FakeSetAside)
    duty_observer: FakeDutyObserver = field(default_factory=FakeDutyObserver)

    async def user(self, credit_count: int = 100) -> UUID:
        user = a_user()
        await self.store.grant(user, credit_count, grant_id="signup", reason="")
        return user

    async def submit(self, *commands: SubmitGeneration) -> list[Accepted | PixelError]:
        return await submit_generations(
            commands,
            catalogue=self.catalogue,
            submissions=self.store,
            clock=self.clock,
            randomness=self.randomness,
            observer=self.observer,
            starts=self.starts,
            capacity=self.capacity,
            max_wait=timedelta(hours=1),
            max_retries=2,
        )

    async def accepted(self, user: UUID, *, images: int = 2, model: str = "") -> UUID:
        work = ImageWork("a fox", model=model, number_of_images=images)
        (outcome,) = await self.submit(SubmitGeneration(user, work))
        assert isinstance(outcome, Accepted)
        return outcome.job_id

    def worker(self, limits: WorkLimits | None = None) -> Worker:
        runners = {"image": ImageRunner({"sketch": self.painter, "openai": self.vendor})}
        tools = RunTools(
            FakeJobs(self.store),
            FakeJobs(self.store),
            self.assets,
            self.clock,
            self.randomness,
            self.observer,
            FakeTracing(),
            RetryPolicy(first_delay_s=0),
            HealthOfProviders(self.breakers, self.breaker_observer, self.randomness.fraction),
            self.catalogue,
            self.accuracies,
        )
        return Worker("w1", catalogue=self.catalogue, runners=runners, tools=tools, limits=limits or WorkLimits())

    def change_tools(
        self, lookups: Mapping[str, CallLookup] | None = None, broken: Collection[UUID] = ()
    ) -> ChangeTools:
        return ChangeTools(
            jobs=FakeJobs(self.store),
            due=FakeDueJobs(self.store, broken),
            set_aside=self.set_aside,
            catalogue=self.catalogue,
            runners={"image": ImageRunner({"sketch": self.painter, "openai": self.vendor})},
            clock=self.clock,
            policy=RetryPolicy(),
            observer=self.observer,
            engine_observer=self.engine_observer,
            duty_observer=self.duty_observer,
            lookups=lookups or {},
        )

    async def sweep(
        self, lookups: Mapping[str, CallLookup] | None = None, *, leads: bool = True, broken: Collection[UUID] = ()
    ) -> int:
        tools, holds = self.change_tools(lookups, broken), FakeQueueHolds()
        work: dict[str, Callable[[], Awaitable[int]]] = {
            "rescue": partial(rescue_abandoned_runs, tools=tools),
            "expire": partial(end_overdue_jobs, tools=tools),
            "look_up": partial(look_up_unknown_calls, tools=tools),
            "release_holds": partial(release_missed_holds, queue_holds=holds, observer=self.engine_observer),
            "end_unserved": partial(end_unserved_jobs, tools=tools),
            "signal": partial(signal_overlooked_queues, housekeeping=self.store),
            "archive": partial(archive_jobs, housekeeping=self.store, clock=self.clock, observer=self.engine_observer),
            "measure_depths": partial(measure_queue_depths, housekeeping=self.store, observer=self.observer),
        }
        duties = [Duty(name, each) for name, each in work.items()]
        return await run_all(duties, leadership=FakeLeadership(leads), observer=self.duty_observer)

    async def cancel(self, user: UUID, *job_ids: UUID, patience_s: float = 2.0) -> list[CancelOutcome | str]:
        """Return the outcome of each, or its error code."""
        tools = CancelTools(
            self.store, FakeJobs(self.store), self.clock, self.observer, self.engine_observer, patience_s=patience_s
        )
        results = await cancel_generations(user, job_ids, tools=tools)
        return [result.code if isinstance(result, PixelError) else result.outcome for result in results]

    async def retry(self, user: UUID, *job_ids: UUID) -> list[Accepted | PixelError]:
        rounds = ResubmitTools(self.store, self.catalogue, self.clock, self.observer, timedelta(hours=1))
        resubmit = partial(resubmit_jobs, tools=rounds)
        tools = RetryTools(self.store, resubmit, self.actions, self.clock, self.randomness)
        return await retry_generations(user, job_ids, tools=tools)

    async def find(self, job_id: UUID, user: UUID) -> GenerationView:
        return await find_generation(job_id, user, tools=self.reading)

    async def accepted_view(self, job: Job) -> GenerationView:
        return await describe_accepted(job, tools=self.reading)

    async def events(self, job_id: UUID, user: UUID, *, after: int, limit: int) -> list[StoredEvent]:
        return await list_events(ListEvents(job_id, user, after, limit), tools=self.reading)

    async def user_events(self, user: UUID, *, after: str, limit: int) -> UserEventsPage:
        return await list_user_events(ListUserEvents(user, after, limit), tools=self.reading)

    def job(self, job_id: UUID) -> Job:
        return self.store.rows[job_id].job


@pytest.fixture
async def engine() -> Engine:
    clock = FakeClock()
    store = FakeStore(clock)
    observer = FakeObserver()
    catalogue = CachedCatalogue(FakeCatalogue(providers=frozenset({"sketch", "openai"})))
    counts = FakeQueueCounts(store)
    snapshots = FakeQueueSnapshots(store)
    starts = StartEstimates(CachedQueueSnapshots(snapshots), catalogue, slots=2, queue_slots={})
    return Engine(
        store,
        clock,
        FakeTextToImage(),
        FakeTextToImage(repeatable=False),
        FakeAssets(),
        observer,
        catalogue,
        ReadTools(store, starts, clock),
        FakeRandomness(),
        starts,
        snapshots,
        counts,
        CountedQueueCapacity(counts),
        FakeHealthStore(clock),
        FakeHealthObserver(),
        FakeEtaObserver(),
    )
