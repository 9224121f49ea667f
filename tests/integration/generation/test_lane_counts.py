"""Counting what waits in a lane."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pixel_generation.adapters.outbound.postgres.lane_counts import PostgresLaneCounts
from pixel_generation.application.ports import Verdict

from tests.integration.generation.desk import Desk, open_desk
from tests.parts import MakeDatabase


@pytest.fixture
async def desk(make_database: MakeDatabase) -> AsyncIterator[Desk]:
    async with open_desk(make_database) as opened:
        yield opened


async def test_what_waits_is_counted_up_to_what_the_lane_takes(desk: Desk) -> None:
    counts = PostgresLaneCounts(desk.pool)
    user = await desk.user(100)
    assert await counts.count("sketch") == (0, 200_000)
    for decision in await desk.submit(*(desk.new(user) for _ in range(5))):
        assert decision.verdict is Verdict.ACCEPTED
    assert await counts.count("sketch") == (5, 200_000)
    await desk.run("UPDATE lanes SET max_queued = 3 WHERE lane = 'sketch'")
    assert await counts.count("sketch") == (3, 3)


async def test_a_lane_that_does_not_exist_is_not_full(desk: Desk) -> None:
    queued, max_queued = await PostgresLaneCounts(desk.pool).count("nothing")
    assert queued < max_queued
