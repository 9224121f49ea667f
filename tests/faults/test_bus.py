"""Repeated, reordered and malformed records: effects happen once, and no partition is blocked."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from pixel.generation.v1 import events_pb2
from pixel_events import CATALOGUE, Event, KafkaBus
from pixel_events.dead_letters import redrive
from psycopg import sql

from tests.conftest import WaitUntil
from tests.faults.bus_checks import COMPLETE, read_bus
from tests.faults.conftest import World
from tests.faults.nemesis import seeded, sized

GROUP = "social-sets"
DEAD = f"{COMPLETE}.dlq"
JOBS = int(sized(short=6, full=200))
POISON_OF_EACH_KIND = int(sized(short=2, full=20))
FREE_WITHIN_S = 5.0
SCHEMAS = ["generation", "social", "gateway", "media"]
MOVING = {"gateway.api_keys", "generation.outbox", "generation.provider_health", "generation.worker_presence"}
"""Tables that change without an event: last use of keys, outboxes, provider health, worker presence."""


async def table_hashes(url: str) -> dict[str, str]:
    """Hash the rows of every table, regardless of order."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        tables = await (
            await conn.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY (%s) ORDER BY 1, 2", [SCHEMAS]
            )
        ).fetchall()
        hashes = {}
        for schema, table in tables:
            query = sql.SQL("SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM {} AS t")
            row = await (await conn.execute(query.format(sql.Identifier(schema, table)))).fetchone()
            assert row is not None
            hashes[f"{schema}.{table}"] = str(row[0])
        return {name: value for name, value in hashes.items() if name not in MOVING}


def backlog(brokers: str, group: str, topic: str) -> int:
    """Count the records of a topic that a group has not committed."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, number) for number in range(CATALOGUE[topic].partitions)]
        left = 0
        for place in consumer.committed(places, timeout=10):
            low, high = consumer.get_watermark_offsets(place, timeout=10)
            left += high - max(place.offset, low)
        return left
    finally:
        consumer.close()


def dead_letters(brokers: str) -> int:
    """Count the dead letters of the completions without reading them."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "checker", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(DEAD, timeout=10).topics[DEAD].partitions
        offsets = (consumer.get_watermark_offsets(TopicPartition(DEAD, number), timeout=10) for number in partitions)
        return sum(high - low for low, high in offsets)
    finally:
        consumer.close()


async def drained(world: World, wait_until: WaitUntil, *, within_s: float = 30.0) -> None:
    async def is_empty() -> bool:
        return await asyncio.to_thread(backlog, world.broker.brokers, GROUP, COMPLETE) == 0

    await wait_until(is_empty, timeout_s=within_s)


@pytest.mark.timeout(300)
async def test_f6_repeated_and_reordered_events_change_no_row(world: World, wait_until: WaitUntil) -> None:
    """Every published event is delivered again, one to five times, reordered across keys."""
    draws = seeded("F6")
    async with world.client() as client:
        await client.use(JOBS, callers=6)
    await world.assert_at_rest()
    before = await table_hashes(world.admin_url)
    told = [event for events in (await read_bus(world.broker.brokers)).events.values() for event in events]
    again = [event for event in told for _ in range(draws.randint(1, 5))]
    draws.shuffle(again)
    bus = KafkaBus(world.broker.brokers)
    try:
        for start in range(0, len(again), 500):
            await bus.publish(again[start : start + 500])
    finally:
        await bus.close()
    await drained(world, wait_until)
    after = await table_hashes(world.admin_url)
    assert {name for name in before if before[name] != after[name]} == set()
    await world.assert_at_rest()


BREAK = """
CREATE FUNCTION social.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
CREATE TRIGGER broken BEFORE INSERT ON social.sets FOR EACH ROW EXECUTE FUNCTION social.refuse();
"""
MEND = "DROP TRIGGER broken ON social.sets; DROP FUNCTION social.refuse();"


@pytest.mark.timeout(300)
async def test_f17_dead_letters_of_a_repaired_fault_are_redriven_once(world: World, wait_until: WaitUntil) -> None:
    """Also when an operator redrives twice."""
    async with world.client() as client:
        known = await asyncio.to_thread(dead_letters, world.broker.brokers)
        await execute(world, BREAK)
        try:
            ids = [await client.submit_until_known(client.body()) for _ in range(3)]
            for name in ids:
                await generation_ended(world, name, wait_until)

            async def all_dead() -> bool:
                return await asyncio.to_thread(dead_letters, world.broker.brokers) == known + len(ids)

            await wait_until(all_dead, timeout_s=60)
        finally:
            await execute(world, MEND)
        bus = KafkaBus(world.broker.brokers)
        try:
            await redrive(bus, COMPLETE)
            assert await redrive(bus, COMPLETE) == []
        finally:
            await bus.close()
        for name in ids:
            await client.watch(name)
    await drained(world, wait_until)
    await world.assert_at_rest()


def poisons(good: Event) -> dict[str, Event]:
    """Return one malformed record of each of six kinds."""
    fresh = replace(good, topic=COMPLETE, partition=-1, offset=-1, id=str(uuid4()))
    message = events_pb2.ImageGenerationCompleted(request_id="gen_x", user_id="usr_nobody", set_id="set_x")
    return {
        "random bytes": replace(fresh, value=b"\xff\x00\xfe" * 9),
        "no id": replace(fresh, id=""),
        "id that is none": replace(fresh, id="17"),
        "another type": replace(fresh, type="pixel.generation.v1.ImageGenerationFailed"),
        "cut short": replace(fresh, value=good.value[:-7]),
        "ids that are none": replace(fresh, value=message.SerializeToString()),
    }


@pytest.mark.timeout(300)
async def test_f17_poison_events_go_to_the_dead_letters_and_block_no_partition(
    world: World, wait_until: WaitUntil
) -> None:
    draws = seeded("F17")
    async with world.client() as client:
        await client.use(JOBS, callers=6)
        await world.assert_at_rest()
        known = await read_bus(world.broker.brokers)
        good = known.events[COMPLETE][-1]
        records = [each for _ in range(POISON_OF_EACH_KIND) for each in poisons(good).values()]
        draws.shuffle(records)
        bus = KafkaBus(world.broker.brokers)
        try:
            for record in records:
                await bus.publish([replace(record, key=f"usr_{draws.getrandbits(64):016x}")])
            started = time.monotonic()
            await drained(world, wait_until, within_s=FREE_WITHIN_S)
            print(f"F17: {len(records)} records gone after {time.monotonic() - started:.1f} s", flush=True)
        finally:
            await bus.close()
        await client.use(4)
    after = await read_bus(world.broker.brokers)
    dead_before, dead_after = (sum(letter.topic == DEAD for letter in read.dead) for read in (known, after))
    assert dead_after - dead_before == len(records)
    await world.assert_at_rest()


async def execute(world: World, statements: str) -> None:
    async with await psycopg.AsyncConnection.connect(world.admin_url, autocommit=True) as conn:
        await conn.execute(statements.encode())


async def generation_ended(world: World, name: str, wait_until: WaitUntil) -> None:
    """Wait for the end of the job; only its set is missing."""

    async def ended() -> bool:
        async with await psycopg.AsyncConnection.connect(world.admin_url) as conn:
            row: Any = await (
                await conn.execute(
                    "SELECT status FROM generation.live_jobs WHERE id = %s::uuid", [name.removeprefix("gen_")]
                )
            ).fetchone()
        return bool(row[0] == "completed")

    await wait_until(ended, timeout_s=30)
