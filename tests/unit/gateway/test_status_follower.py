from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pixel.generation.v1 import generation_pb2 as pb
from pixel.generation.v1.events_pb2 import GenerationStatusChanged
from pixel_events import Event
from pixel_gateway.adapters.inbound.status_follower import STATUS_TOPIC, StatusFollower
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.domain.generation import Spec, Status
from pixel_runtime.ids import new_id

from tests.fakes.bus import FakeBus


@pytest.fixture
async def bus():
    bus = FakeBus()
    await bus.ensure_topics()
    return bus


@pytest.fixture
async def following(backstage, bus, wait_until):
    stop = asyncio.Event()
    follower = StatusFollower(bus, backstage.app.live.publish, backstage.last_status.put, backstage.clock)
    task = asyncio.create_task(follower.follow(stop))

    async def is_following() -> bool:
        # A follower starts at the end: once a probe arrives, later events do too.
        await bus.publish([status_event(backstage, "gen_probe", "usr_1", 1)])
        return bool(backstage.last_status.rows)

    await wait_until(is_following)
    yield
    stop.set()
    await task


def status_event(
    backstage,
    generation_id: str,
    user_id: str,
    sequence: int,
    *,
    value: bytes | None = None,
    status: pb.GenerationStatus.ValueType = pb.GENERATION_STATUS_FAILED,
) -> Event:
    event = pb.GenerationEvent(
        generation_id=generation_id,
        user_id=user_id,
        sequence=sequence,
        status=status,
        stage=pb.GENERATION_STAGE_DONE,
        event_time=Timestamp(seconds=1),
    )
    return Event(
        topic=STATUS_TOPIC,
        key=user_id,
        type="pixel.generation.v1.GenerationStatusChanged",
        value=GenerationStatusChanged(event=event).SerializeToString() if value is None else value,
        id=str(new_id()),
        source="/generation",
        time=backstage.clock.now(),
    )


async def test_an_event_on_the_bus_reaches_the_watcher_and_the_cache(backstage, bus, user_id, following, wait_until):
    accepted = await backstage.generations.submit(Submission(user_id, Spec("a"), "", "test"))
    generation_id = accepted.generation.id
    async with asyncio.timeout(5), aclosing(backstage.app.live.watch_generation(user_id, generation_id)) as updates:
        await anext(updates)
        await bus.publish([status_event(backstage, generation_id, user_id, 2)])
        update = await anext(updates)

    assert (update.progress.sequence, update.progress.status) == (2, Status.FAILED)
    await wait_until(lambda: generation_id in backstage.last_status.rows)


async def test_a_malformed_event_does_not_block_the_others(backstage, bus, following, wait_until):
    await bus.publish([status_event(backstage, "gen_bad", "usr_1", 2, value=b"\xff\xff\xff")])
    await bus.publish([status_event(backstage, "gen_good", "usr_1", 2)])

    await wait_until(lambda: "gen_good" in backstage.last_status.rows)
    assert await backstage.last_status.get("gen_bad") is None
