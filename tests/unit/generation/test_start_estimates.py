"""Quoted starts are compared with actual ones: a trace of two hours, replayed with the rules of the real queue."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from pixel_errors import Unavailable
from pixel_generation.adapters.metrics import EtaMetrics
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.caches.queue_snapshots import CachedQueueSnapshots
from pixel_generation.application.reading.start_estimates import StartEstimates
from pixel_generation.domain.catalogue.catalogue import Catalogue
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.providers.breaker import BreakerState
from pixel_generation.domain.queueing.estimate import EstimateAccuracy
from pixel_generation.domain.queueing.queue_snapshot import FinishedRun, QueueSnapshot, Share
from pixel_generation.domain.work.image import ImageWork
from prometheus_client import REGISTRY

from tests.fakes.generation import FakeClock
from tests.fakes.generation_catalogue import SKETCH, FakeCatalogue

TWO_HOURS_S = 7_200.0
SLOTS = 4
MEAN_RUN_S = 7.5


@dataclass(frozen=True)
class Arrival:
    at_s: float
    user: UUID
    priority: int
    images: int


def trace(chance: random.Random, load: float) -> Iterator[Arrival]:
    """Forty people who submit now and then, in waves, and three programs that send batches."""
    per_second = load * SLOTS / MEAN_RUN_S
    at_s = 0.0
    while at_s < TWO_HOURS_S:
        wave = 1 + 0.6 * math.sin(2 * math.pi * at_s / 3_600)
        at_s += chance.expovariate(0.7 * per_second * wave)
        priority = 1 if chance.random() < 0.9 else chance.choice([0, 2])
        yield Arrival(at_s, UUID(int=chance.randrange(40)), priority, chance.randint(1, 3))
    for program in range(3):
        at_s = chance.uniform(0, 600)
        while at_s < TWO_HOURS_S:
            for place in range(chance.randint(10, 60)):
                yield Arrival(at_s + place * 0.05, UUID(int=100 + program), 1, chance.randint(1, 3))
            at_s += chance.expovariate(0.3 * per_second / 3 / 35)


@dataclass
class Queue:
    """Start-time fair queueing over `SLOTS` slots; every start is compared with its quote."""

    chance: random.Random
    virtual_time: float = 0.0
    shares: dict[UUID, Share] = field(default_factory=dict)
    queue: list[tuple[int, float, int, Arrival, tuple[float, float]]] = field(default_factory=list)
    running: list[tuple[float, UUID, FinishedRun]] = field(default_factory=list)
    latest: deque[FinishedRun] = field(default_factory=lambda: deque(maxlen=50))
    results: list[tuple[float, float, float]] = field(default_factory=list)

    def arrive(self, number: int, arrival: Arrival) -> None:
        self.run_until(arrival.at_s)
        users = {queued[3].user for queued in self.queue} | {running[1] for running in self.running}
        snapshot = QueueSnapshot(
            virtual_time=self.virtual_time,
            waiting=[queued[:2] for queued in sorted(self.queue)],
            shares={user: self.shares[user] for user in users},
            running=len(self.running),
            slots=SLOTS,
            runs=list(self.latest),
            typical_s=MEAN_RUN_S,
        )
        quote = snapshot.start_interval_s(arrival.user, arrival.priority)
        assert quote is not None
        start = max(self.virtual_time, self.shares.get(arrival.user, Share(0.0)).virtual_finish)
        self.shares[arrival.user] = Share(start + arrival.images)
        heapq.heappush(self.queue, (arrival.priority, start, number, arrival, quote))
        self.start(arrival.at_s)

    def run_until(self, at_s: float) -> None:
        while self.running and self.running[0][0] <= at_s:
            ended_s, _, run = heapq.heappop(self.running)
            self.latest.append(run)
            self.start(ended_s)

    def start(self, at_s: float) -> None:
        while self.queue and len(self.running) < SLOTS:
            _, tag, _, arrival, quote = heapq.heappop(self.queue)
            self.virtual_time = max(self.virtual_time, tag)
            run = FinishedRun(arrival.images * self.chance.lognormvariate(math.log(3.5), 0.35), arrival.images)
            heapq.heappush(self.running, (at_s + run.seconds, arrival.user, run))
            self.results.append((at_s - arrival.at_s, *quote))


@pytest.mark.parametrize("load", [0.6, 0.8, 0.95, 1.1])
@pytest.mark.parametrize("seed", [1, 2])
def test_four_of_five_jobs_of_a_two_hour_trace_start_within_their_estimate(load: float, seed: int) -> None:
    chance = random.Random(seed)
    queue = Queue(random.Random(seed + 1_000))
    for number, arrival in enumerate(sorted(trace(chance, load), key=lambda arrival: arrival.at_s)):
        queue.arrive(number, arrival)
    queue.run_until(math.inf)
    waited = [result for result in queue.results if result[0] > 0]
    for results in (queue.results, waited):
        inside = sum(earliest <= start <= latest for start, earliest, latest in results)
        assert inside >= 0.8 * len(results)
    # An endless interval would always be right.
    width = sum(latest - earliest for _, earliest, latest in waited) / len(waited)
    assert width <= 2 * sum(start for start, _, _ in waited) / len(waited)


A, B = UUID(int=1), UUID(int=2)


class FakeSnapshots:
    def __init__(self) -> None:
        self.reads = 0
        self.waiting = 0
        self.trouble: Exception | None = None

    async def snapshot(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot:
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble
        waiting = [(1, float(place)) for place in range(self.waiting)]
        return QueueSnapshot(0.0, waiting, {A: Share(float(self.waiting))}, 2, slots, (), typical_s)


class Submitter:
    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self.clock = FakeClock()
        self.start = self.clock.now()
        self.snapshots = FakeSnapshots()
        source = FakeCatalogue()
        source.catalogue = catalogue or source.catalogue
        cached = CachedQueueSnapshots(self.snapshots, monotonic=self.seconds)
        self.quotes = StartEstimates(cached, CachedCatalogue(source), slots=2, queue_slots={})

    def seconds(self) -> float:
        return (self.clock.now() - self.start).total_seconds()

    def job(self, user: UUID = A, *, in_s: float = 0.0) -> Job:
        now = self.clock.now()
        due = FakeClock()
        due.time = now
        due.advance(in_s)
        return Job(
            id=UUID(int=9),
            user_id=user,
            set_id=UUID(int=8),
            work=ImageWork("a fox", model=SKETCH.id),
            queue="sketch",
            cost_credits=1,
            created_at=now,
            scheduled_at=due.now(),
            deadline_at=now,
        )


async def test_a_quoted_start_is_stored_and_included_in_the_next_estimate() -> None:
    submitter = Submitter()
    ends = []
    for _ in range(5):
        job = await submitter.quotes.promised(submitter.job())
        assert job.start_after is not None
        assert job.start_before is not None
        ends.append(job.start_before)
    assert ends == sorted(set(ends))
    assert submitter.snapshots.reads == 1


async def test_a_user_without_queued_jobs_gets_an_earlier_start() -> None:
    submitter = Submitter()
    submitter.snapshots.waiting = 100
    first, last = (
        await submitter.quotes.interval_s(submitter.job(B)),
        await submitter.quotes.interval_s(submitter.job(A)),
    )
    assert first is not None
    assert last is not None
    assert first[1] < last[0]


@pytest.mark.parametrize(
    "catalogue",
    [
        Catalogue([SKETCH], default="", providers={}, queue_states={"sketch": QueueState.PAUSED}),
        Catalogue([SKETCH], default="", providers={}, health={"sketch": BreakerState.OPEN}),
    ],
    ids=["paused", "provider is down"],
)
async def test_unknown_start_times_are_not_quoted(catalogue: Catalogue) -> None:
    submitter = Submitter(catalogue)
    assert await submitter.quotes.promised(submitter.job()) == submitter.job()


async def test_a_scheduled_job_has_no_quoted_start() -> None:
    submitter = Submitter()
    assert await submitter.quotes.interval_s(submitter.job(in_s=60)) is None


async def test_an_unreadable_queue_snapshot_omits_the_quote_and_keeps_the_submission() -> None:
    submitter = Submitter()
    submitter.snapshots.trouble = Unavailable("away")
    assert await submitter.quotes.interval_s(submitter.job()) is None
    assert await submitter.quotes.newest_snapshot(submitter.job()) is None
    assert submitter.snapshots.reads == 1
    submitter.snapshots.trouble = None
    submitter.clock.advance(1)
    assert await submitter.quotes.interval_s(submitter.job()) is not None


async def test_an_old_queue_snapshot_is_used_during_the_next_read_for_a_limited_time() -> None:
    submitter = Submitter()
    assert await submitter.quotes.interval_s(submitter.job()) is not None
    submitter.snapshots.trouble = Unavailable("away")
    submitter.clock.advance(5)
    assert await submitter.quotes.interval_s(submitter.job()) is not None
    submitter.clock.advance(6)
    assert await submitter.quotes.interval_s(submitter.job()) is None


def test_estimate_hits_are_counted() -> None:
    before = REGISTRY.get_sample_value("pixel_eta_estimates_total", {"start": "inside"}) or 0
    EtaMetrics().started(EstimateAccuracy.INSIDE)
    assert REGISTRY.get_sample_value("pixel_eta_estimates_total", {"start": "inside"}) == before + 1
