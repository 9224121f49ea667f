from __future__ import annotations

import asyncio
import random
from uuid import uuid4

from pixel_events import Consumer, Event, first_time
from pixel_events.inbox import forget_old_events
from pixel_postgres import Pool, fetch_one

from tests.conftest import WaitUntil
from tests.fakes.bus import FakeBus
from tests.fakes.events import ACTIVITIES, activity, subject_of


async def test_an_event_is_new_once_per_consumer(pool: Pool) -> None:
    event_id = str(uuid4())
    async with pool.transaction() as conn:
        assert await first_time(conn, "sets", event_id)
        assert not await first_time(conn, "sets", event_id)
        assert await first_time(conn, "counters", event_id)


async def test_an_event_whose_effect_was_rolled_back_is_new_again(pool: Pool) -> None:
    event_id = str(uuid4())
    async with pool.autocommit() as conn, conn.transaction(force_rollback=True):
        assert await first_time(conn, "sets", event_id)
    async with pool.transaction() as conn:
        assert await first_time(conn, "sets", event_id)


async def test_of_two_concurrent_deliveries_one_is_new(pool: Pool) -> None:
    event_id = str(uuid4())

    async def deliver() -> bool:
        async with pool.transaction() as conn:
            return await first_time(conn, "sets", event_id)

    firsts = await asyncio.gather(*(deliver() for _ in range(10)))
    assert sum(firsts) == 1


async def test_only_events_past_every_retention_are_deleted_from_the_inbox(pool: Pool) -> None:
    old, fresh = str(uuid4()), str(uuid4())
    async with pool.transaction() as conn:
        await first_time(conn, "sets", old)
        await first_time(conn, "sets", fresh)
        await conn.execute("UPDATE inbox SET received_at = now() - interval '31 days' WHERE event_id = %s", (old,))
    async with pool.transaction() as conn:
        assert await forget_old_events(conn) == 1
        assert not await first_time(conn, "sets", fresh)


async def test_an_effect_is_made_once_under_duplicates_and_reordering(pool: Pool, wait_until: WaitUntil) -> None:
    chance = random.Random(11)
    bus = FakeBus()
    await bus.ensure_topics()
    events = [activity(f"usr_{number % 5}", str(number)) for number in range(60)]
    deliveries = events * 3
    chance.shuffle(deliveries)

    async def count(event: Event) -> None:
        async with pool.transaction() as conn:
            if await first_time(conn, "counters", event.id):
                await conn.execute(
                    "INSERT INTO balances AS b VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET amount = b.amount + %s",
                    (event.key, int(subject_of(event)), int(subject_of(event))),
                )
            if chance.random() < 0.1:
                raise ConnectionError("lost after the effect, before the commit")

    consumer = Consumer("counters", bus, group="counters", topics=[ACTIVITIES], handler=count)
    await bus.publish(deliveries)
    await consumer.start()
    await wait_until(lambda: sum(bus.committed.values()) == len(deliveries), timeout_s=30)
    await consumer.stop()
    async with pool.autocommit() as conn:
        row = await fetch_one(conn, "SELECT sum(amount)::integer AS total FROM balances")
    assert row == {"total": sum(range(60))}
