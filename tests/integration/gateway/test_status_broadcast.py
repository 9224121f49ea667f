"""Two gateways that share one consumer group and broadcast over Redis."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pixel_cache import RedisChannel
from pixel_embedded import run_redis
from pixel_gateway.adapters.generation_codec import STATUS_TO
from pixel_gateway.adapters.inbound.status_broadcast import CHANNEL, StatusBroadcast
from pixel_gateway.adapters.inbound.status_follower import StatusFollower
from pixel_gateway.application import Application
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.domain.generation import Spec, Status
from prometheus_client import REGISTRY

from tests.fakes.bus import FakeBus
from tests.unit.gateway.test_status_follower import status_event


@dataclass
class Told:
    app: Application
    broadcast: StatusBroadcast


def broadcasts(outcome: str) -> float:
    return REGISTRY.get_sample_value("pixel_gateway_broadcasts_total", {"outcome": outcome}) or 0


@asynccontextmanager
async def gateways(backstage, url: str, *, look: bool = True):
    """Yield two gateways on one store, bus and channel; without `look` they do not poll the store."""
    bus, stop = FakeBus(), asyncio.Event()
    await bus.ensure_topics()
    told, tasks, channels = [], [], []
    for app in (backstage.app, backstage.another_application()):
        channel = RedisChannel(url, CHANNEL)
        broadcast = StatusBroadcast(channel, app.live.publish)
        follower = StatusFollower(bus, app.live.publish, backstage.last_status.put, backstage.clock, broadcast)
        bodies = (follower.follow, broadcast.listen, *([app.live.poll_silent_generations] if look else []))
        tasks += [asyncio.create_task(body(stop)) for body in bodies]
        told.append(Told(app, broadcast))
        channels.append(channel)
    try:
        yield bus, told
    finally:
        stop.set()
        await asyncio.gather(*tasks)
        for channel in channels:
            await channel.close()


async def watched(app, user_id: str, generation_id: str) -> list[int]:
    async with asyncio.timeout(30), aclosing(app.live.watch_generation(user_id, generation_id)) as updates:
        return [update.progress.sequence async for update in updates]


async def submitted(backstage, user_id: str) -> str:
    accepted = await backstage.generations.submit(Submission(user_id, Spec("a"), "", "test"))
    return accepted.generation.id


async def test_events_read_by_one_gateway_reach_the_watchers_of_both(backstage, user_id, redis_url, wait_until):
    received = broadcasts("received")
    async with gateways(backstage, redis_url, look=False) as (bus, told):
        await wait_until(lambda: all(each.broadcast.is_listening.is_set() for each in told))
        generations = [await submitted(backstage, user_id) for _ in range(4)]
        watching = [
            asyncio.create_task(watched(each.app, user_id, generation_id))
            for each in told
            for generation_id in generations
        ]
        await wait_until(lambda: sum(each.app.live.watcher_count() for each in told) == 8)
        for generation_id in generations:
            backstage.generations.advance(generation_id, Status.FAILED, 0)
            await bus.publish([status_event(backstage, generation_id, user_id, 2)])

        async with asyncio.timeout(10):
            assert await asyncio.gather(*watching) == [[1, 2]] * 8
    assert broadcasts("received") > received


@pytest.mark.parametrize("killed", [True, False])
async def test_an_outage_of_redis_delays_events_and_loses_none(backstage, user_id, tmp_path: Path, wait_until, killed):
    lost = broadcasts("lost")
    async with AsyncExitStack() as redis:
        server = await redis.enter_async_context(run_redis(tmp_path / "redis"))
        async with gateways(backstage, server.url) as (bus, told):
            await wait_until(lambda: all(each.broadcast.is_listening.is_set() for each in told))
            generation_id = await submitted(backstage, user_id)
            watching = [asyncio.create_task(watched(each.app, user_id, generation_id)) for each in told]
            await wait_until(lambda: sum(each.app.live.watcher_count() for each in told) == 2)
            for number in range(2, 12):
                if number == 5 and killed:
                    await redis.aclose()
                    await wait_until(lambda: not any(each.broadcast.is_listening.is_set() for each in told))
                status = Status.FAILED if number == 11 else Status.PROCESSING
                backstage.generations.advance(generation_id, status, 10)
                event = status_event(backstage, generation_id, user_id, number, status=STATUS_TO[status])
                await bus.publish([event])

            assert await asyncio.gather(*watching) == [[*range(1, 12)]] * 2
    assert (broadcasts("lost") > lost) is killed
