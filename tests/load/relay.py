"""Outbox events a second through the relay, against producing the same events alone, on the same broker."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

from pixel.generation.v1 import events_pb2
from pixel_events import CATALOGUE, Event, KafkaBus, OutboxEvent, OutboxRelay, append_outbox
from pixel_postgres import Pool, open_pool

from tests.load.report import Meter, Sample, finish, line, median_cpu, median_rate, shuffled
from tests.load.servers import kafka, postgres, scratch_dir

EVENTS = 40_000
BATCH = 500
TOPIC = "image.generation.requests"
KIND = CATALOGUE[TOPIC].message.DESCRIPTOR.full_name


def message(number: int) -> events_pb2.ImageGenerationRequested:
    requested = events_pb2.ImageGenerationRequested(
        request_id=f"gen_{number:032x}", user_id=f"usr_{number % 1000:032x}", queue="sketch"
    )
    requested.work.prompt = "a lighthouse at dawn, long exposure, soft colours"
    requested.work.number_of_images = 4
    requested.timestamp.GetCurrentTime()
    return requested


async def waiting(pool: Pool) -> int:
    async with pool.autocommit() as conn:
        cursor = await conn.execute("SELECT count(*) AS n FROM outbox")
        row = await cursor.fetchone()
        assert row is not None
        return int(row["n"])


async def relayed(pool: Pool, bus: KafkaBus) -> Sample:
    for start in range(0, EVENTS, BATCH):
        async with pool.transaction() as conn:
            events = [OutboxEvent(TOPIC, f"usr_{n % 1000:032x}", message(n)) for n in range(start, start + BATCH)]
            await append_outbox(conn, events)
    relay = OutboxRelay(pool, bus, source="/bench")
    meter = Meter(())
    meter.start()
    await relay.start()
    deadline = time.monotonic() + 120
    while await waiting(pool) and time.monotonic() < deadline:  # the outbox sends no event
        await asyncio.sleep(0.02)
    sample = meter.stop(EVENTS)
    await relay.stop()
    assert await waiting(pool) == 0
    return sample


async def produced(bus: KafkaBus) -> Sample:
    bodies = [message(number).SerializeToString() for number in range(EVENTS)]
    now = datetime.now(UTC)
    events = [
        Event(
            topic=TOPIC,
            key=f"usr_{number % 1000:032x}",
            type=KIND,
            value=body,
            id=str(uuid4()),
            source="/bench",
            time=now,
        )
        for number, body in enumerate(bodies)
    ]
    meter = Meter(())
    meter.start()
    await bus.publish(events)
    return meter.stop(EVENTS)


async def main() -> None:
    async with scratch_dir() as folder, postgres(folder, ["generation"]) as (_, urls), kafka(folder) as brokers:
        bus = KafkaBus(brokers)
        await bus.ensure_topics()
        await produced(bus)  # the producer's first batch waits for its id
        async with open_pool(urls["generation"], schema="generation", application="bench", max_size=4) as pool:
            samples = await shuffled({"relay": lambda: relayed(pool, bus), "produce": lambda: produced(bus)})
        await bus.close()
    rates = {name: median_rate(each) for name, each in samples.items()}
    ratio = rates["relay"] / rates["produce"]
    line("relay", rates["relay"], "produce alone", rates["produce"], ratio=ratio, target=">= 0.1")
    finish("relay", {"produce": ratio}, {name: median_cpu(each) for name, each in samples.items()}, batch=BATCH)
