from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer
from pixel_embedded import run_kafka
from pixel_errors import Unavailable
from pixel_events import CATALOGUE, BusConsumer, Consumer, Event, KafkaBus, OutboxEvent, OutboxRelay, append_outbox
from pixel_events.kafka import producer as kafka_producer
from pixel_postgres import Pool

from tests.conftest import WaitUntil
from tests.fakes.events import ACTIVITIES, activity, subject_of
from tests.servers import TOOLS

pytestmark = pytest.mark.real

DEAD = ACTIVITIES + ".dlq"
SMALL = {name: CATALOGUE[name] for name in (ACTIVITIES, DEAD)}


def prefix() -> str:
    return f"t{secrets.token_hex(5)}."


async def read(reader: BusConsumer, count: int) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(30):
        while len(events) < count:
            events += await reader.receive(1000, 1.0)
    return events


async def test_foreign_records_go_to_the_dead_letters_and_the_rest_is_handled(
    kafka_brokers: str, wait_until: WaitUntil
) -> None:
    name = prefix()
    bus = KafkaBus(kafka_brokers, topic_prefix=name, catalogue=SMALL)
    await bus.ensure_topics()
    raw = Producer({"bootstrap.servers": kafka_brokers})
    raw.produce(name + ACTIVITIES, value=secrets.token_bytes(300), key=b"\xff\xfe")
    raw.produce(name + ACTIVITIES, value=b"", headers=[("ce_id", b"7"), ("ce_time", b"noon")])
    raw.produce(name + ACTIVITIES, value=b"{}", headers=[("ce_type", b"\xff"), ("odd", None)])
    raw.produce(name + ACTIVITIES, key=b"tombstone", value=None)
    raw.flush(10)
    await bus.publish([activity("usr_a", "good")])
    seen: list[str] = []

    async def handle(event: Event) -> None:
        seen.append(subject_of(event))

    consumer = Consumer("tests", bus, group="tests", topics=[ACTIVITIES], handler=handle)
    await consumer.start()
    dead = bus.consumer("dead", [DEAD])
    await dead.start()
    letters = await read(dead, 3)
    await wait_until(lambda: seen == ["good"])
    await consumer.stop()
    await dead.close()
    await bus.close()
    assert len(letters) == 3
    assert {letter.headers["dlq-origin-topic"] for letter in letters} == {ACTIVITIES}
    assert {letter.headers["dlq-error"] for letter in letters} == {"MalformedEvent: MALFORMED_EVENT"}
    assert any(letter.key.encode("utf-8", "surrogateescape") == b"\xff\xfe" for letter in letters)


async def test_the_outbox_reaches_kafka_in_order(kafka_brokers: str, pool: Pool) -> None:
    bus = KafkaBus(kafka_brokers, topic_prefix=prefix(), catalogue=SMALL)
    await bus.ensure_topics()
    relay = OutboxRelay(pool, bus, source="/tests")
    await relay.start()
    message = CATALOGUE[ACTIVITIES].message
    for batch in range(3):
        async with pool.transaction() as conn:
            names = [f"{batch * 700 + number:05}" for number in range(700)]
            await append_outbox(
                conn, [OutboxEvent(ACTIVITIES, "usr_a", message(user_id="usr_a", resource_id=name)) for name in names]
            )
    reader = bus.consumer("readers", [ACTIVITIES])
    await reader.start()
    events = await read(reader, 2100)
    await reader.close()
    await relay.stop()
    await bus.close()
    assert [subject_of(event) for event in events] == [f"{number:05}" for number in range(2100)]


async def test_publishing_to_an_unreachable_broker_fails_in_bounded_time(
    free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_producer, "DELIVER_WITHIN_MS", 2000)
    bus = KafkaBus(f"127.0.0.1:{free_port}", catalogue=SMALL)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await bus.publish([activity("usr_a", "x")])
    assert time.monotonic() - began < 6
    health = await bus.health()
    assert not health.reachable
    assert health.error
    await bus.close()


async def test_a_full_queue_refuses_at_once(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_producer, "MAX_QUEUED_RECORDS", 5)
    monkeypatch.setattr(kafka_producer, "FLUSH_S", 0.1)
    bus = KafkaBus(f"127.0.0.1:{free_port}", catalogue=SMALL)
    began = time.monotonic()
    with pytest.raises(Unavailable) as refusal:
        await bus.publish([activity("usr_a", str(number)) for number in range(20)])
    assert refusal.value.code == "BUS_QUEUE_FULL"
    assert time.monotonic() - began < 2
    await bus.close()


async def test_readers_and_publishers_continue_after_a_restart_of_the_broker(tmp_path: Path) -> None:
    async with run_kafka(tmp_path / "kafka", TOOLS / "kafka") as server:
        brokers = server.brokers
        bus = KafkaBus(brokers, catalogue=SMALL)
        await bus.ensure_topics()
        member, follower = bus.consumer("readers", [ACTIVITIES]), bus.follower([ACTIVITIES])
        await member.start()
        await follower.start()
        await bus.publish([activity("usr_a", "before")])
        for reader in (member, follower):
            await reader.commit(await read(reader, 1))
    assert await follower.receive(10, 0.1) == []
    async with run_kafka(tmp_path / "kafka", TOOLS / "kafka"):
        async with asyncio.timeout(60):
            await bus.publish([activity("usr_a", "after")])
        for reader in (member, follower):
            assert [subject_of(event) for event in await read(reader, 1)] == ["after"]
        await member.close()
        await follower.close()
        await bus.close()
