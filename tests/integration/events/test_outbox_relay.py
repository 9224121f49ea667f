from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from pixel.social.v1 import events_pb2 as social
from pixel_errors import Invalid, Unavailable
from pixel_events import Event, EventTooLarge, OutboxEvent, OutboxRelay, append_outbox
from pixel_events import relay as relay_module
from pixel_events.dead_letters import origin_of
from pixel_postgres import Pool, fetch_all
from pixel_telemetry import inject, span
from prometheus_client import REGISTRY

from tests.conftest import WaitUntil
from tests.fakes.bus import FakeBus
from tests.fakes.events import ACTIVITIES, subject_of
from tests.parts import Database

DEAD = ACTIVITIES + ".dlq"


def noted(key: str, what: str) -> OutboxEvent:
    return OutboxEvent(ACTIVITIES, key, social.UserActivity(user_id=key, type="image_liked", resource_id=what))


@pytest.fixture
async def bus() -> FakeBus:
    made = FakeBus()
    await made.ensure_topics()
    return made


@asynccontextmanager
async def relaying(pool: Pool, bus: FakeBus) -> AsyncIterator[OutboxRelay]:
    relay = OutboxRelay(pool, bus, source="/tests")
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


async def write(pool: Pool, *events: OutboxEvent) -> None:
    async with pool.transaction() as conn:
        await append_outbox(conn, events)


async def write_and_roll_back(pool: Pool, *events: OutboxEvent) -> None:
    async with pool.autocommit() as conn, conn.transaction(force_rollback=True):
        await append_outbox(conn, events)


async def left(pool: Pool) -> int:
    async with pool.autocommit() as conn:
        rows = await fetch_all(conn, "SELECT id FROM outbox")
    return len(rows)


async def test_committed_events_reach_the_bus_and_leave_the_table(
    pool: Pool, bus: FakeBus, wait_until: WaitUntil
) -> None:
    async with relaying(pool, bus):
        await write(pool, noted("usr_a", "1"), noted("usr_a", "2"))
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 2)
    events = bus.records(ACTIVITIES)
    assert [subject_of(event) for event in events] == ["1", "2"]
    assert {event.source for event in events} == {"/tests"}
    assert await left(pool) == 0


async def test_events_of_a_rolled_back_transaction_are_never_published(
    pool: Pool, bus: FakeBus, wait_until: WaitUntil
) -> None:
    async with relaying(pool, bus):
        await write_and_roll_back(pool, noted("usr_a", "never"))
        await write(pool, noted("usr_a", "subject_of"))
        await wait_until(lambda: bus.records(ACTIVITIES))
    assert [subject_of(event) for event in bus.records(ACTIVITIES)] == ["subject_of"]


async def test_the_event_continues_the_trace_of_the_change(pool: Pool, bus: FakeBus, wait_until: WaitUntil) -> None:
    async with relaying(pool, bus):
        with span("submit"):
            carrier = inject()
            await write(pool, noted("usr_a", "traced"))
        await wait_until(lambda: bus.records(ACTIVITIES))
    (event,) = bus.records(ACTIVITIES)
    assert event.headers["traceparent"] == carrier["traceparent"]


async def test_an_event_behind_an_open_transaction_is_published_soon_after_its_end(
    pool: Pool, bus: FakeBus, wait_until: WaitUntil
) -> None:
    async with relaying(pool, bus):
        async with pool.transaction() as early:
            await append_outbox(early, [noted("usr_a", "early")])
            await write(pool, noted("usr_a", "late"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await bus.published.wait()
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 2, timeout_s=0.9)
    assert [subject_of(event) for event in bus.records(ACTIVITIES)] == ["early", "late"]


async def test_an_unreachable_bus_delays_events_and_loses_none(pool: Pool, bus: FakeBus, wait_until: WaitUntil) -> None:
    bus.down = True
    async with relaying(pool, bus):
        for number in range(5):
            await write(pool, noted("usr_a", str(number)))
        bus.down = False
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 5, timeout_s=15)
    assert [subject_of(event) for event in bus.records(ACTIVITIES)] == [str(number) for number in range(5)]
    assert await left(pool) == 0


class FussyBus(FakeBus):
    """Refuses indigestible records in these topics."""

    def __init__(self, *topics: str) -> None:
        super().__init__()
        self.fussy_topics = topics

    async def publish(self, events: Sequence[Event]) -> None:
        if any(event.topic in self.fussy_topics and subject_of(event).startswith("indigestible") for event in events):
            raise Invalid("too large for this cluster")
        await super().publish(events)


def counted(name: str, pool: Pool) -> float:
    return REGISTRY.get_sample_value(name, {"schema": pool.schema}) or 0.0


async def test_an_event_that_its_topic_refuses_goes_to_the_dead_letters(pool: Pool, wait_until: WaitUntil) -> None:
    bus = FussyBus(ACTIVITIES)
    await bus.ensure_topics()
    before = counted("pixel_outbox_dead_lettered_total", pool)
    await write(pool, noted("usr_a", "1"), noted("usr_a", "indigestible"), noted("usr_a", "2"))
    async with relaying(pool, bus):
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 2)
        await write(pool, noted("usr_a", "3"))
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 3)
    assert [subject_of(event) for event in bus.records(ACTIVITIES)] == ["1", "2", "3"]
    (letter,) = bus.records(DEAD)
    assert subject_of(letter) == "indigestible"
    assert origin_of(letter).topic == ACTIVITIES
    assert (origin_of(letter).consumer, origin_of(letter).error) == ("outbox-relay /tests", "Invalid: INVALID")
    assert await left(pool) == 0
    assert counted("pixel_outbox_dead_lettered_total", pool) == before + 1


async def test_an_event_refused_everywhere_stays_and_does_not_block_the_others(
    pool: Pool, wait_until: WaitUntil
) -> None:
    bus = FussyBus(ACTIVITIES, DEAD)
    await bus.ensure_topics()
    before = counted("pixel_outbox_refused_total", pool)
    await write(pool, noted("usr_a", "1"), noted("usr_a", "indigestible"), noted("usr_a", "2"))
    async with relaying(pool, bus):
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 2)
        await write(pool, noted("usr_a", "3"))
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 3)
    assert [subject_of(event) for event in bus.records(ACTIVITIES)] == ["1", "2", "3"]
    assert await left(pool) == 1
    assert counted("pixel_outbox_refused_total", pool) == before + 1


async def test_many_events_refused_everywhere_do_not_block_the_others(
    pool: Pool, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "MAX_SKIPPED", 3)
    bus = FussyBus(ACTIVITIES, DEAD)
    await bus.ensure_topics()
    await write(pool, *(noted("usr_a", f"indigestible {number}") for number in range(10)), noted("usr_a", "good"))
    async with relaying(pool, bus) as relay:
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 1)
        await write(pool, noted("usr_a", "later"))
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 2)
        assert len(relay._skipped) == 3
    assert await left(pool) == 10


async def test_an_event_too_large_for_its_topic_never_enters_the_outbox(pool: Pool) -> None:
    async with pool.transaction() as conn:
        with pytest.raises(EventTooLarge):
            await append_outbox(conn, [noted("usr_a", "x" * 2_000_000)])
    assert await left(pool) == 0


async def test_a_message_of_another_type_is_a_defect_of_the_caller(pool: Pool) -> None:
    async with pool.transaction() as conn:
        with pytest.raises(TypeError):
            await append_outbox(conn, [OutboxEvent(ACTIVITIES, "usr_a", social.UserNotification())])


async def test_one_of_two_relays_leads_and_the_other_takes_over(
    pool: Pool, bus: FakeBus, wait_until: WaitUntil
) -> None:
    one, two = OutboxRelay(pool, bus, source="/one"), OutboxRelay(pool, bus, source="/two")
    await one.start()
    await write(pool, noted("usr_a", "1"))
    await wait_until(lambda: len(bus.records(ACTIVITIES)) == 1)
    await two.start()
    for number in range(2, 32):  # two leaders race for each event: one event could be the first one's by chance
        await write(pool, noted("usr_a", str(number)))
        await wait_until(lambda number=number: len(bus.records(ACTIVITIES)) >= number)
    await one.stop()
    await write(pool, noted("usr_a", "32"))
    await wait_until(lambda: len(bus.records(ACTIVITIES)) >= 32)
    await two.stop()
    assert [event.source for event in bus.records(ACTIVITIES)] == ["/one"] * 31 + ["/two"]


async def test_deleted_rows_kept_by_an_old_snapshot_are_not_scanned_each_time(
    pool: Pool, bus: FakeBus, database: Database, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "MARK_EVERY_S", 0.02)
    async with await psycopg.AsyncConnection.connect(database.url) as snapshot:
        await snapshot.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await snapshot.execute("SELECT 1 FROM studio_tests.outbox")
        async with relaying(pool, bus):
            await write(pool, *(noted("usr_a", str(number)) for number in range(2_000)))
            await relayed_one_by_one(pool, bus, wait_until, range(2_000, 2_020))
            before = await entries_read(pool)
            await relayed_one_by_one(pool, bus, wait_until, range(2_020, 2_040))
            assert await entries_read(pool) - before < 2_000


async def relayed_one_by_one(pool: Pool, bus: FakeBus, wait_until: WaitUntil, numbers: range) -> None:
    for number in numbers:
        await write(pool, noted("usr_a", str(number)))
        await wait_until(lambda number=number: len(bus.records(ACTIVITIES)) > number)
        await asyncio.sleep(0.03)


async def entries_read(pool: Pool) -> int:
    """Index entries of the outbox read so far: sessions report their statistics a second later."""
    await asyncio.sleep(1.5)
    async with pool.autocommit() as conn:
        (row,) = await fetch_all(
            conn, "SELECT idx_tup_read AS entries FROM pg_stat_user_indexes WHERE indexrelname = 'outbox_pkey'"
        )
    return int(row["entries"])


async def test_a_leader_that_lost_its_session_is_replaced(
    pool: Pool, bus: FakeBus, database: Database, wait_until: WaitUntil
) -> None:
    async with relaying(pool, bus), relaying(pool, bus):
        await write(pool, noted("usr_a", "1"))
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 1)
        async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as admin:
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        await write(pool, noted("usr_a", "2"))
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 2, timeout_s=15)
    assert [subject_of(event) for event in bus.records(ACTIVITIES)] == ["1", "2"]


async def test_a_backlog_of_many_batches_keeps_its_order(pool: Pool, bus: FakeBus, wait_until: WaitUntil) -> None:
    await write(pool, *(noted("usr_a", f"{number:05}") for number in range(2_300)))
    async with relaying(pool, bus):
        await wait_until(lambda: len(bus.records(ACTIVITIES)) == 2_300)
    assert [subject_of(event) for event in bus.records(ACTIVITIES)] == [f"{number:05}" for number in range(2_300)]
    assert await left(pool) == 0


class FlakyBus(FakeBus):
    """A bus that is unreachable now and then."""

    chance = random.Random(7)

    async def publish(self, events: Sequence[Event]) -> None:
        if self.chance.random() < 0.2:
            raise Unavailable("away for a moment")
        await super().publish(events)


@pytest.mark.parametrize("seed", range(5))
async def test_under_concurrent_writers_nothing_is_lost_doubled_or_out_of_order(
    pool: Pool, bus: FakeBus, seed: int, wait_until: WaitUntil
) -> None:
    committed = await _write_concurrently(pool, bus, random.Random(seed), wait_until)
    events = bus.records(ACTIVITIES)
    assert sorted(subject_of(event) for event in events) == sorted(
        what for whats in committed.values() for what in whats
    )
    by_key: dict[str, list[str]] = defaultdict(list)
    for event in events:
        by_key[event.key].append(subject_of(event))
    assert by_key == committed
    assert await left(pool) == 0


async def test_with_an_unstable_bus_nothing_is_lost(pool: Pool, wait_until: WaitUntil) -> None:
    bus = FlakyBus()
    await bus.ensure_topics()
    committed = await _write_concurrently(pool, bus, random.Random(99), wait_until)
    assert {subject_of(event) for event in bus.records(ACTIVITIES)} == {
        w for whats in committed.values() for w in whats
    }


async def _write_concurrently(
    pool: Pool, bus: FakeBus, chance: random.Random, wait_until: WaitUntil
) -> dict[str, list[str]]:
    """Run concurrent writers: some roll back, some pause inside their transaction. Return committed events by key."""
    committed: dict[str, list[str]] = defaultdict(list)

    async def writer(key: str) -> None:
        for number in range(15):
            whats = [f"{key} {number}.{part}" for part in range(chance.randint(1, 4))]
            commits = chance.random() < 0.7
            async with pool.autocommit() as conn, conn.transaction(force_rollback=not commits):
                # A transaction gets its id at its first write, long before or long after the event's row.
                if chance.random() < 0.5:
                    await conn.execute("SELECT pg_current_xact_id()")
                await conn.execute("SELECT pg_sleep(%s)", (chance.random() * 0.01,))
                await append_outbox(conn, [noted(key, what) for what in whats])
                await conn.execute("SELECT pg_sleep(%s)", (chance.random() * 0.01,))
            if commits:
                committed[key].extend(whats)

    async with relaying(pool, bus):
        await asyncio.gather(*(writer(f"usr_{number}") for number in range(10)))
        expected = sum(map(len, committed.values()))
        await wait_until(lambda: len({event.id for event in bus.records(ACTIVITIES)}) == expected, timeout_s=60)
    return committed
