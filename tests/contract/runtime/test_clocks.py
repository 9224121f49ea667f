"""Contract of the clocks: aware UTC times that never go back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pixel_gateway.application.ports import Clock as GatewayClock
from pixel_generation.adapters.outbound.postgres.clock import PostgresClock
from pixel_generation.application.ports import Clock as GenerationClock
from pixel_media.application.ports import Clock as MediaClock
from pixel_postgres import open_pool
from pixel_runtime.clock import SystemClock

from tests.fakes.gateway_generations import FakeClock as FakeGatewayClock
from tests.fakes.generation import FakeClock as FakeGenerationClock
from tests.fakes.media import FakeClock as FakeMediaClock

CONTRACTS = {
    GatewayClock: (FakeGatewayClock, SystemClock),
    GenerationClock: (FakeGenerationClock, SystemClock, PostgresClock),
    MediaClock: (FakeMediaClock, SystemClock),
}
WITHOUT_SERVER = {
    "gateway fake": FakeGatewayClock,
    "generation fake": FakeGenerationClock,
    "media fake": FakeMediaClock,
    "system": SystemClock,
}


@pytest.fixture(params=[*WITHOUT_SERVER, "postgres"])
async def clock(request, make_database):
    if request.param in WITHOUT_SERVER:
        yield WITHOUT_SERVER[request.param]()
        return
    database = await make_database("generation")
    async with open_pool(database.url, schema="generation", application="test") as pool:
        # A machine whose own clock is a day late.
        clock = PostgresClock(pool, FakeGenerationClock())
        await clock.look()
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
        yield clock


def test_times_are_aware_utc_and_never_go_back(clock):
    times = [clock.now() for _ in range(1000)]
    assert {time.utcoffset() for time in times} == {timedelta(0)}
    assert times == sorted(times)
