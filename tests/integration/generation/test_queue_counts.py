"""Counts of queued jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pixel_generation.adapters.outbound.postgres.queue_counts import PostgresQueueCounts
from pixel_generation.application.submission.ports import Verdict

from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase


@pytest.fixture
async def submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    async with open_submitter(make_database) as opened:
        yield opened


async def test_queued_jobs_are_counted_up_to_the_capacity_of_the_queue(submitter: Submitter) -> None:
    counts = PostgresQueueCounts(submitter.pool)
    user = await submitter.user(100)
    assert await counts.count("sketch") == (0, 200_000)
    for decision in await submitter.submit(*(submitter.new(user) for _ in range(5))):
        assert decision.verdict is Verdict.ACCEPTED
    assert await counts.count("sketch") == (5, 200_000)
    await submitter.run("UPDATE queues SET max_queued = 3 WHERE queue = 'sketch'")
    assert await counts.count("sketch") == (3, 3)


async def test_a_queue_that_does_not_exist_is_not_full(submitter: Submitter) -> None:
    queued, max_queued = await PostgresQueueCounts(submitter.pool).count("nothing")
    assert queued < max_queued
