"""Contract of every bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from pixel_errors import Invalid, Unavailable
from pixel_events import Bus, BusConsumer, Event, EventTooLarge, KafkaBus, PostgresBus, UnknownTopic
from pixel_events.kafka.consumer import KafkaConsumer
from pixel_events.postgres.consumer import PostgresConsumer

from tests.contract.events.conftest import SMALL, Connect
from tests.fakes.bus import FakeBus, FakeConsumer
from tests.fakes.events import ACTIVITIES, NOTED_AT, activity, subject_of

CONTRACTS = {Bus: (FakeBus, PostgresBus, KafkaBus), BusConsumer: (FakeConsumer, PostgresConsumer, KafkaConsumer)}

PATIENCE_S = 30.0
"""A consumer group of Kafka may take seconds to rebalance on a loaded machine."""


@contextlib.asynccontextmanager
async def opened(consumer: BusConsumer) -> AsyncIterator[BusConsumer]:
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.close()


async def read(consumer: BusConsumer, count: int) -> list[Event]:
    """Read this many events, or fail."""
    events: list[Event] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(events) < count:
            events += await consumer.receive(count - len(events), 1.0)
    return events


async def test_a_published_event_is_read_unchanged(bus: Bus) -> None:
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "note": "grüße 🎨"}
    sent = activity("usr_ü", "a lighthouse", headers=headers)
    await bus.publish([sent])
    async with opened(bus.consumer("readers", [ACTIVITIES])) as consumer:
        (event,) = await read(consumer, 1)
    assert (event.key, event.type, event.value, event.id) == (sent.key, sent.type, sent.value, sent.id)
    assert (event.source, event.time) == ("/tests", NOTED_AT)
    assert event.headers == headers
    assert event.partition >= 0
    assert event.offset == 0
    assert subject_of(event) == "a lighthouse"


async def test_events_of_one_key_keep_their_order(bus: Bus) -> None:
    for batch in range(10):
        await bus.publish(
            [activity(f"usr_{user}", f"{batch * 20 + place:04}") for place in range(20) for user in range(5)]
        )
    async with opened(bus.consumer("readers", [ACTIVITIES])) as consumer:
        events = await read(consumer, 1000)
    by_key: dict[str, list[str]] = defaultdict(list)
    for event in events:
        by_key[event.key].append(subject_of(event))
    assert all(seen == [f"{number:04}" for number in range(200)] for seen in by_key.values())
    assert len(by_key) == 5


async def test_events_of_one_key_go_to_one_partition(bus: Bus, connect: Connect) -> None:
    other = connect()
    await bus.publish([activity("usr_a", "1")])
    await other.publish([activity("usr_a", "2")])
    async with opened(bus.consumer("readers", [ACTIVITIES])) as consumer:
        events = await read(consumer, 2)
    assert len({event.partition for event in events}) == 1
    assert [event.offset for event in events] == [0, 1]


async def test_concurrent_publishers_lose_nothing_and_keep_their_own_order(bus: Bus, connect: Connect) -> None:
    other = connect()

    async def publish(through: Bus, name: str) -> None:
        for number in range(0, 100, 10):
            await through.publish([activity(f"usr_{n % 7}", f"{name} {n:03}") for n in range(number, number + 10)])

    await asyncio.gather(*(publish(bus if n % 2 else other, f"p{n}") for n in range(6)))
    async with opened(bus.consumer("readers", [ACTIVITIES])) as consumer:
        events = await read(consumer, 600)
    assert len({event.id for event in events}) == 600
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in events:
        publisher, number = subject_of(event).split()
        places[publisher, event.key].append(number)
    assert all(numbers == sorted(numbers) for numbers in places.values())


async def test_events_that_were_not_committed_are_delivered_again(bus: Bus) -> None:
    await bus.publish([activity("usr_a", str(number)) for number in range(5)])
    async with opened(bus.consumer("readers", [ACTIVITIES])) as first:
        events = await read(first, 5)
        await first.commit(events[:2])
    async with opened(bus.consumer("readers", [ACTIVITIES])) as second:
        again = await read(second, 3)
    assert [subject_of(event) for event in again] == ["2", "3", "4"]


async def test_a_late_commit_does_not_move_a_group_back(bus: Bus) -> None:
    await bus.publish([activity("usr_a", str(number)) for number in range(4)])
    async with opened(bus.consumer("readers", [ACTIVITIES])) as first:
        events = await read(first, 4)
        await first.commit(events[:3])
        await first.commit(events[:1])
    async with opened(bus.consumer("readers", [ACTIVITIES])) as second:
        again = await read(second, 1)
    assert [subject_of(event) for event in again] == ["3"]


async def test_each_group_reads_everything(bus: Bus) -> None:
    await bus.publish([activity(f"usr_{number}", str(number)) for number in range(10)])
    async with opened(bus.consumer("one", [ACTIVITIES])) as one, opened(bus.consumer("two", [ACTIVITIES])) as two:
        assert {subject_of(event) for event in await read(one, 10)} == {
            subject_of(event) for event in await read(two, 10)
        }


async def share(bus: Bus, one: BusConsumer, two: BusConsumer) -> tuple[set[str], set[str]]:
    """Publish and read until both members got events; return the sent and the received ones."""
    sent: set[str] = set()
    seen: dict[BusConsumer, set[str]] = {one: set(), two: set()}
    async with asyncio.timeout(PATIENCE_S):
        while not (seen[one] and seen[two]):
            batch = [activity(f"usr_{number}", str(len(sent) + number)) for number in range(40)]
            await bus.publish(batch)
            sent.update(subject_of(event) for event in batch)
            for member in (one, two):
                events = await member.receive(1000, 0.2)
                seen[member].update(subject_of(event) for event in events)
                await member.commit(events)
    return sent, seen[one] | seen[two]


async def test_members_of_a_group_share_the_partitions(bus: Bus, connect: Connect) -> None:
    async with (
        opened(bus.consumer("readers", [ACTIVITIES])) as one,
        opened(connect().consumer("readers", [ACTIVITIES])) as two,
    ):
        sent, seen = await share(bus, one, two)
        async with asyncio.timeout(PATIENCE_S):
            while seen != sent:
                for member in (one, two):
                    seen |= {subject_of(event) for event in await member.receive(1000, 0.1)}


async def test_two_members_in_one_process_share_the_partitions(bus: Bus) -> None:
    async with (
        opened(bus.consumer("readers", [ACTIVITIES])) as one,
        opened(bus.consumer("readers", [ACTIVITIES])) as two,
    ):
        await share(bus, one, two)


async def test_the_partitions_of_a_member_that_left_are_read_by_the_others(bus: Bus, connect: Connect) -> None:
    async with opened(bus.consumer("readers", [ACTIVITIES])) as stays:
        async with opened(connect().consumer("readers", [ACTIVITIES])) as leaves:
            await share(bus, stays, leaves)
        await bus.publish([activity(f"usr_{number}", f"later {number}") for number in range(40)])
        seen: set[str] = set()
        async with asyncio.timeout(PATIENCE_S):
            while not seen >= {f"later {number}" for number in range(40)}:
                seen |= {subject_of(event) for event in await stays.receive(100, 1.0)}


async def test_a_follower_reads_every_event_published_after_its_start_and_none_before(bus: Bus) -> None:
    await bus.publish([activity(f"usr_{number}", "before") for number in range(20)])
    async with opened(bus.follower([ACTIVITIES])) as follower:
        await bus.publish([activity(f"usr_{number}", f"after {number}") for number in range(20)])
        events = await read(follower, 20)
    assert {subject_of(event) for event in events} == {f"after {number}" for number in range(20)}


async def test_every_follower_reads_every_partition(bus: Bus, connect: Connect) -> None:
    async with opened(bus.follower([ACTIVITIES])) as one, opened(connect().follower([ACTIVITIES])) as two:
        await bus.publish([activity(f"usr_{number}", str(number)) for number in range(30)])
        assert {subject_of(event) for event in await read(one, 30)} == {
            subject_of(event) for event in await read(two, 30)
        }


async def test_a_published_event_ends_the_wait_of_a_receive(bus: Bus) -> None:
    async with opened(bus.follower([ACTIVITIES])) as follower:
        waiting = asyncio.create_task(follower.receive(10, PATIENCE_S))
        await bus.publish([activity("usr_a", "news")])
        events = await asyncio.wait_for(waiting, PATIENCE_S / 2)
    assert [subject_of(event) for event in events] == ["news"]


async def test_a_cancelled_receive_loses_nothing(bus: Bus) -> None:
    seen: list[str] = []
    async with opened(bus.follower([ACTIVITIES])) as follower:
        for number in range(20):
            receiving = asyncio.create_task(follower.receive(10, 5.0))
            await asyncio.wait({receiving}, timeout=0.001 * number)
            await bus.publish([activity("usr_a", str(number))])
            receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                seen += [subject_of(event) for event in await receiving]
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < 20:
                seen += [subject_of(event) for event in await follower.receive(10, 0.5)]
    assert seen == [str(number) for number in range(20)]


async def test_receiving_from_an_empty_topic_returns_nothing_after_the_timeout(bus: Bus) -> None:
    async with opened(bus.consumer("readers", [ACTIVITIES])) as consumer, asyncio.timeout(PATIENCE_S):
        assert await consumer.receive(10, 0.05) == []


async def test_a_receive_returns_at_most_the_requested_number(bus: Bus) -> None:
    await bus.publish([activity(f"usr_{number}", str(number)) for number in range(50)])
    seen: list[str] = []
    async with opened(bus.consumer("readers", [ACTIVITIES])) as consumer, asyncio.timeout(PATIENCE_S):
        while len(seen) < 50:
            events = await consumer.receive(3, 1.0)
            assert len(events) <= 3
            seen += [subject_of(event) for event in events]
    assert len(set(seen)) == 50


async def test_a_record_larger_than_its_topic_allows_is_refused(bus: Bus) -> None:
    limit = SMALL[ACTIVITIES].max_message_bytes
    with pytest.raises(EventTooLarge) as refusal:
        await bus.publish([activity("usr_a", "x" * limit)])
    assert isinstance(refusal.value, Invalid)


async def test_a_record_just_below_the_limit_is_published(bus: Bus) -> None:
    large = "x" * (SMALL[ACTIVITIES].max_message_bytes - 1024)
    await bus.publish([activity("usr_a", large)])
    async with opened(bus.consumer("readers", [ACTIVITIES])) as consumer:
        (event,) = await read(consumer, 1)
    assert subject_of(event) == large


async def test_a_topic_outside_the_catalogue_is_refused(bus: Bus) -> None:
    with pytest.raises(UnknownTopic):
        bus.consumer("readers", ["no.such.topic"])


async def test_a_topic_that_was_not_created_cannot_be_read_yet(connect: Connect) -> None:
    consumer = connect().consumer("readers", [ACTIVITIES])
    with pytest.raises(Unavailable):
        await consumer.start()
    await consumer.close()


async def test_topics_are_created_once(connect: Connect) -> None:
    bus = connect()
    assert sorted(await bus.ensure_topics()) == sorted(SMALL)
    assert await bus.ensure_topics() == []
    assert await connect().ensure_topics() == []


async def test_topics_can_be_created_concurrently(connect: Connect) -> None:
    buses = [connect() for _ in range(3)]
    created = await asyncio.gather(*(bus.ensure_topics() for bus in buses))
    assert sorted(name for names in created for name in names) == sorted(SMALL)


async def test_health_lists_present_and_missing_topics(connect: Connect) -> None:
    bus = connect()
    before = await bus.health()
    assert before.reachable
    assert sorted(before.missing) == sorted(SMALL)
    assert not before.healthy
    await bus.ensure_topics()
    after = await bus.health()
    assert after.healthy
    assert sorted(after.present) == sorted(SMALL)
    assert after.brokers


async def test_publishing_an_empty_list_succeeds(bus: Bus) -> None:
    await bus.publish([])


async def test_closing_is_idempotent(bus: Bus) -> None:
    consumer = bus.consumer("readers", [ACTIVITIES])
    await consumer.start()
    await consumer.close()
    await consumer.close()
    await bus.close()
    await bus.close()
