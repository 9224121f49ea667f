from __future__ import annotations

import pytest
from pixel_errors import Unavailable
from pixel_generation.adapters.metrics import HealthMetrics
from pixel_generation.application.execution.provider_health import REPEAT_AT_LEAST, HealthOfProviders
from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from prometheus_client import REGISTRY

from tests.fakes.generation import FakeClock
from tests.fakes.generation_health import FakeHealthObserver, FakeHealthStore

DOWN = ProviderError("down", code="provider_unavailable", outcome=Outcome.NOT_SENT, retryable=True)
LOST = ProviderError("lost", code="provider_timeout", outcome=Outcome.UNKNOWN, retryable=False)
REJECTED = ProviderError("no", code="provider_rejected", outcome=Outcome.NOT_SENT, retryable=False)
MOST_FAILURES = 20


class Plant:
    """Workers that share a store."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeHealthStore(self.clock)
        self.observer = FakeHealthObserver()
        self.start = self.clock.now()

    def worker(self, draw: float = 0.5) -> HealthOfProviders:
        return HealthOfProviders(self.store, self.observer, lambda: draw, monotonic=self.seconds)

    def seconds(self) -> float:
        return (self.clock.now() - self.start).total_seconds()


@pytest.fixture
def plant() -> Plant:
    return Plant()


async def call(health: HealthOfProviders, error: ProviderError | None = None, free: int = 10) -> int:
    """Make all allowed calls; return how many."""
    calls = await health.claimable("p", free)
    for _ in range(calls):
        is_probe = health.began("p")
        if error is None:
            await health.succeeded("p", is_probe=is_probe)
        else:
            await health.failed("p", error, is_probe=is_probe)
    return calls


async def test_a_provider_that_only_fails_is_not_called_after_twenty_calls(plant: Plant) -> None:
    health = plant.worker()
    calls = 0
    for _ in range(100):
        calls += await call(health, DOWN, free=1)
    assert calls <= MOST_FAILURES
    assert plant.observer.states["p"] is BreakerState.OPEN
    assert plant.observer.held["p"] == 100 - calls


async def test_failures_of_all_workers_are_counted_together(plant: Plant) -> None:
    one, two = plant.worker(), plant.worker()
    calls = 0
    for _ in range(50):
        calls += await call(one, DOWN, free=1) + await call(two, LOST, free=1)
    assert calls <= MOST_FAILURES


async def test_a_refused_request_does_not_count_as_a_failure(plant: Plant) -> None:
    health = plant.worker()
    for _ in range(100):
        assert await call(health, REJECTED, free=1) == 1


async def test_successes_between_failures_keep_the_breaker_closed(plant: Plant) -> None:
    health = plant.worker()
    for _ in range(20):
        await call(health, None, free=6)
        await call(health, DOWN, free=4)
    assert await health.claimable("p", 5) == 5


async def test_the_breaker_opens_when_most_calls_fail(plant: Plant) -> None:
    health = plant.worker()
    for _ in range(20):
        await call(health, DOWN, free=3)
        await call(health, None, free=1)
    assert await health.claimable("p", 5) == 0


async def fail_until_open(health: HealthOfProviders) -> None:
    for _ in range(MOST_FAILURES):
        if await call(health, DOWN, free=1) == 0:
            return
    pytest.fail("the breaker did not open")


async def opened(plant: Plant) -> HealthOfProviders:
    health = plant.worker()
    await fail_until_open(health)
    return health


async def test_one_worker_makes_the_one_probe_call(plant: Plant) -> None:
    health = await opened(plant)
    other = plant.worker()
    plant.clock.advance(2)
    assert await health.claimable("p", 10) == 1
    assert await other.claimable("p", 10) == 0
    assert await health.claimable("p", 10) == 0
    await health.succeeded("p", is_probe=health.began("p"))
    assert await health.claimable("p", 10) == 10
    plant.clock.advance(2)
    assert await other.claimable("p", 10) == 10


async def test_an_unused_probe_is_kept_for_the_next_job(plant: Plant) -> None:
    health = await opened(plant)
    plant.clock.advance(2)
    assert await health.claimable("p", 10) == 1
    health.unclaimed("p")
    assert await health.claimable("p", 10) == 1


async def test_a_lost_probe_is_made_again_by_another(plant: Plant) -> None:
    health = await opened(plant)
    plant.clock.advance(2)
    assert await health.claimable("p", 1) == 1
    plant.clock.advance(BreakerPolicy().probe_s)
    assert await plant.worker().claimable("p", 1) == 1


async def test_each_failed_probe_doubles_the_pause_with_jitter(plant: Plant) -> None:
    pauses = []
    for draw in (0.0, 1.0):
        plant.store.rows.clear()
        health = plant.worker(draw)
        await fail_until_open(health)
        first = plant.store.rows["p"].open_until
        assert first is not None
        pauses.append((first - plant.clock.now()).total_seconds())
        plant.clock.time = first
        assert await call(health, DOWN) == 1
        again = plant.store.rows["p"].open_until
        assert again is not None
        assert (again - first).total_seconds() == 2 * pauses[-1]
    assert pauses == [1.0, 2.0]


async def test_calls_that_end_after_the_breaker_opened_do_not_prolong_it(plant: Plant) -> None:
    health = await opened(plant)
    before = plant.store.rows["p"]
    await health.failed("p", DOWN, is_probe=False)
    assert plant.store.rows["p"] == before
    plant.clock.advance(2)
    assert await health.claimable("p", 1) == 1
    await health.succeeded("p", is_probe=False)
    assert plant.store.rows["p"].state is BreakerState.HALF_OPEN


async def test_calls_stay_within_120_percent_of_the_offered_load_while_a_provider_is_down(plant: Plant) -> None:
    """Fifty jobs, each retried while the budget allows, with a provider that fails for ten minutes."""
    health, offered = plant.worker(), 50
    calls, waiting = 0, offered
    while plant.seconds() < 600:
        for _ in range(await health.claimable("p", min(waiting, 10))):
            is_probe = health.began("p")
            calls += 1
            await health.failed("p", DOWN, is_probe=is_probe)
            if not health.may_repeat("p"):
                waiting -= 1
        plant.clock.advance(0.25)
    assert calls <= 1.2 * offered


async def test_retries_are_at_most_a_tenth_of_the_calls_in_a_window(plant: Plant) -> None:
    health = plant.worker()
    for _ in range(1_000):
        await call(health, None, free=1)
    assert sum(health.may_repeat("p") for _ in range(1_000)) == 100
    plant.clock.advance(61)
    assert sum(health.may_repeat("p") for _ in range(1_000)) == REPEAT_AT_LEAST
    assert plant.observer.repetitions == {True: 110, False: 1_890}


async def test_an_unreachable_store_blocks_no_call(plant: Plant) -> None:
    health = plant.worker()
    plant.store.trouble = Unavailable("away")
    assert await call(health, DOWN, free=3) == 3
    assert await call(health, None, free=3) == 3


def test_the_breaker_state_is_a_metric() -> None:
    metrics = HealthMetrics()
    metrics.breaker("metered", BreakerState.OPEN)
    metrics.held_back("metered")
    metrics.repetition("metered", allowed=False)

    def value(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"provider": "metered", **labels})

    assert value("pixel_provider_breaker", state="open") == 1
    assert value("pixel_provider_breaker", state="closed") == 0
    assert value("pixel_provider_held_back_total") == 1
    assert value("pixel_provider_repetitions_total", allowed="no") == 1
