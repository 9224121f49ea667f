"""The number of workers is known to operators, also without jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.operations import PostgresQueues
from pixel_generation.adapters.outbound.postgres.workers import PostgresWorkers
from pixel_generation.application.execution.ports import WorkerRegistry
from pixel_generation.application.execution.worker_presence import WorkerPresence

from tests.conftest import WaitUntil
from tests.fakes.generation_catalogue import painting
from tests.integration.generation.real_engine import RealEngine, open_engine
from tests.parts import MakeDatabase

CONTRACTS = {WorkerRegistry: (PostgresWorkers,)}


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[RealEngine]:
    async with open_engine(make_database) as engine:
        yield engine


async def workers_of(engine: RealEngine) -> dict[str, int]:
    return {queue.queue: queue.workers for queue in (await PostgresQueues(engine.pool).status()).queues}


def presence_of(engine: RealEngine, worker_id: str, *providers: str) -> WorkerPresence:
    source = PostgresCatalogue(engine.pool, default="studio-sketch", providers=painting(*providers))
    return WorkerPresence(worker_id, PostgresWorkers(engine.pool), CachedCatalogue(source), slots=3, beat_s=0.05)


async def test_workers_are_counted_for_the_queues_they_serve_until_they_leave(
    engine: RealEngine, wait_until: WaitUntil
) -> None:
    one, other = presence_of(engine, "one", "sketch"), presence_of(engine, "other", "sketch", "openai")
    await one.start()
    await other.start()

    async def both_are_there() -> bool:
        return await workers_of(engine) == {"openai": 1, "sketch": 2}

    await wait_until(both_are_there)
    await other.stop()
    await other.stop()
    assert await workers_of(engine) == {"openai": 0, "sketch": 1}
    await one.stop()
    assert await workers_of(engine) == {"openai": 0, "sketch": 0}


async def test_a_silent_worker_is_not_counted_and_deleted_after_a_day(engine: RealEngine) -> None:
    register = PostgresWorkers(engine.pool)
    await register.seen("silent", queues={"sketch"}, slots=1)
    await engine.admin.execute("UPDATE worker_presence SET seen_at = now() - interval '20 seconds'")
    assert (await workers_of(engine))["sketch"] == 0
    await register.seen("silent", queues={"sketch"}, slots=1)
    assert (await workers_of(engine))["sketch"] == 1
    await engine.admin.execute("UPDATE worker_presence SET seen_at = now() - interval '25 hours'")
    await register.seen("other", queues={"sketch"}, slots=1)
    assert (await engine.row("SELECT array_agg(id) AS ids FROM worker_presence"))["ids"] == ["other"]
