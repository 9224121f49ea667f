"""Contract of the provider breakers: fake and table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import pytest
from pixel_generation.adapters.outbound.postgres.provider_health import PostgresProviderHealth
from pixel_generation.application.execution.ports import HealthStore
from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState, ProviderHealth
from pixel_postgres import open_pool

from tests.fakes.generation import FakeClock
from tests.fakes.generation_health import FakeHealthStore
from tests.parts import MakeDatabase

CONTRACTS = {HealthStore: (FakeHealthStore, PostgresProviderHealth)}

POLICY = BreakerPolicy(max_failures=3, first_open_s=0.2, max_open_s=0.4, probe_s=0.3)


@dataclass
class Breakers:
    store: HealthStore
    wait: Callable[[float], Awaitable[None]]

    async def fail(self, *, trip: bool = False, is_probe: bool = False) -> ProviderHealth:
        return await self.store.failed("p", policy=POLICY, draw=1.0, trip=trip, is_probe=is_probe)

    async def opened(self) -> None:
        for _ in range(3):
            await self.fail()


@pytest.fixture(params=["fake", "postgres"])
async def breakers(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncIterator[Breakers]:
    if request.param == "fake":
        clock = FakeClock()

        async def advance(seconds: float) -> None:
            clock.advance(seconds)

        yield Breakers(FakeHealthStore(clock), advance)
        return
    database = await make_database("generation")
    async with open_pool(database.url, schema="generation", application="test") as pool:
        yield Breakers(PostgresProviderHealth(pool), asyncio.sleep)


async def test_consecutive_failures_open_the_breaker(breakers: Breakers) -> None:
    assert [(await breakers.fail()).state.value for _ in range(3)] == ["closed", "closed", "open"]
    health = (await breakers.store.load())["p"]
    assert (health.state, health.failures, health.open_until is not None) == (BreakerState.OPEN, 3, True)


async def test_a_success_resets_the_failure_count(breakers: Breakers) -> None:
    await breakers.fail()
    await breakers.fail()
    assert (await breakers.store.succeeded("p", is_probe=False)).failures == 0
    assert (await breakers.fail()).state is BreakerState.CLOSED


async def test_a_failure_rate_opens_the_breaker_at_once(breakers: Breakers) -> None:
    assert (await breakers.fail(trip=True)).state is BreakerState.OPEN


async def test_of_concurrent_workers_one_gets_the_probe_when_it_is_due(breakers: Breakers) -> None:
    await breakers.opened()
    assert not await breakers.store.take_probe("p", policy=POLICY)
    await breakers.wait(0.25)
    patient = replace(POLICY, probe_s=60)
    asked = await asyncio.gather(*(breakers.store.take_probe("p", policy=patient) for _ in range(10)))
    assert sum(asked) == 1
    assert (await breakers.store.load())["p"].state is BreakerState.HALF_OPEN


async def test_only_the_probe_closes_or_reopens_the_breaker(breakers: Breakers) -> None:
    await breakers.opened()
    await breakers.wait(0.25)
    assert await breakers.store.take_probe("p", policy=POLICY)
    assert (await breakers.store.succeeded("p", is_probe=False)).state is BreakerState.HALF_OPEN
    assert (await breakers.fail()).state is BreakerState.HALF_OPEN
    assert (await breakers.fail(is_probe=True)).state is BreakerState.OPEN
    await breakers.wait(0.25)
    assert not await breakers.store.take_probe("p", policy=POLICY)
    await breakers.wait(0.25)
    assert await breakers.store.take_probe("p", policy=POLICY)
    assert await breakers.store.succeeded("p", is_probe=True) == ProviderHealth()


async def test_a_lost_probe_is_given_again(breakers: Breakers) -> None:
    await breakers.opened()
    await breakers.wait(0.25)
    assert await breakers.store.take_probe("p", policy=POLICY)
    await breakers.wait(0.35)
    assert await breakers.store.take_probe("p", policy=POLICY)


async def test_a_provider_that_never_failed_has_no_probe(breakers: Breakers) -> None:
    assert not await breakers.store.take_probe("new", policy=POLICY)
    assert await breakers.store.succeeded("new", is_probe=False) == ProviderHealth()
