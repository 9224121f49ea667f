from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest
from pixel_errors import Invalid, Unavailable
from pixel_events import CATALOGUE, Event, PostgresBus, Topic, retention_sweep

from tests.conftest import WaitUntil
from tests.fakes.events import ACTIVITIES, activity, subject_of
from tests.parts import Database, MakeDatabase

SHORT = {ACTIVITIES: CATALOGUE[ACTIVITIES]}


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    return await make_database("bus")


async def test_a_members_partitions_are_free_at_once_when_its_session_dies(
    database: Database, wait_until: WaitUntil
) -> None:
    dies, survives = PostgresBus(database.url, catalogue=SHORT), PostgresBus(database.url, catalogue=SHORT)
    await dies.ensure_topics()
    first = dies.consumer("readers", [ACTIVITIES])
    await first.start()
    successor = survives.consumer("readers", [ACTIVITIES])
    await successor.start()
    # As after a kill: no close message, the server drops its sessions.
    pool, coordinator = await dies._open()
    coordinator._listening.cancel()  # type: ignore[union-attr]
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as admin:
        await admin.execute("SELECT pg_terminate_backend(%s)", (coordinator._conn.info.backend_pid,))  # type: ignore[union-attr]
    await survives.publish([activity(f"usr_{number}", str(number)) for number in range(40)])
    seen: set[str] = set()
    async with asyncio.timeout(5):
        while len(seen) < 40:
            seen |= {subject_of(event) for event in await successor.receive(100, 0.5)}
    await survives.close()
    await dies.close()
    assert pool.schema == "bus"


async def test_a_bus_reads_on_after_its_sessions_were_cut(database: Database) -> None:
    bus = PostgresBus(database.url, catalogue=SHORT)
    await bus.ensure_topics()
    member, follower = bus.consumer("readers", [ACTIVITIES]), bus.follower([ACTIVITIES])
    await member.start()
    await follower.start()
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as admin:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    other = PostgresBus(database.url, catalogue=SHORT)
    await other.publish([activity(f"usr_{number}", str(number)) for number in range(40)])
    for reader in (member, follower):
        seen: set[str] = set()
        async with asyncio.timeout(15):
            while len(seen) < 40:
                try:
                    seen |= {subject_of(event) for event in await reader.receive(100, 0.5)}
                except Unavailable:
                    continue
    await other.close()
    await bus.close()


async def test_text_that_cannot_be_stored_is_refused(database: Database) -> None:
    bus = PostgresBus(database.url, catalogue=SHORT)
    await bus.ensure_topics()
    for key in ("nul\0", "lone \udc80"):
        with pytest.raises(Invalid):
            await bus.publish([replace(activity("usr_a", "x"), key=key)])
    await bus.close()


async def test_a_batch_with_a_missing_topic_stores_nothing(database: Database) -> None:
    small = PostgresBus(database.url, catalogue=SHORT)
    await small.ensure_topics()
    whole = PostgresBus(database.url)
    known = activity("usr_a", "x")
    batch = [known, replace(known, topic="user.notifications")]
    with pytest.raises(Unavailable) as refusal:
        await whole.publish(batch)
    assert refusal.value.code == "TOPIC_MISSING"
    async with await psycopg.AsyncConnection.connect(database.admin_url) as conn:
        assert await (await conn.execute("SELECT count(*) FROM bus.records")).fetchone() == (0,)
        assert await (await conn.execute("SELECT max(next_offset) FROM bus.partitions")).fetchone() == (0,)
    await whole.ensure_topics()
    await whole.publish(batch)
    await whole.close()
    await small.close()


async def test_records_are_deleted_after_the_retention_of_the_catalogue(
    database: Database, wait_until: WaitUntil
) -> None:
    bus = PostgresBus(database.url, catalogue=SHORT)
    await bus.ensure_topics()
    await bus.publish([activity(f"usr_{number}", "old") for number in range(20)])
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as admin:
        await admin.execute("UPDATE bus.records SET stored_at = now() - interval '25 hours'")
    await bus.publish([activity("usr_1", "new")])
    sweep = retention_sweep(bus)
    await sweep.start()
    reader = bus.consumer("readers", [ACTIVITIES])
    await reader.start()

    async def remaining() -> bool:
        async with await psycopg.AsyncConnection.connect(database.admin_url) as conn:
            return await (await conn.execute("SELECT count(*) FROM bus.records")).fetchone() == (1,)

    await wait_until(remaining)
    events: list[Event] = []
    async with asyncio.timeout(5):
        while not events:
            events = await reader.receive(10, 1.0)
    assert [subject_of(event) for event in events] == ["new"]
    # Partitions whose records all expired cost no further queries.
    assert await reader.receive(10, 0.1) == []
    await sweep.stop()
    await bus.close()


async def test_a_database_without_the_schema_is_reported(make_database: MakeDatabase) -> None:
    empty = await make_database()
    bus = PostgresBus(empty.url, catalogue=SHORT)
    health = await bus.health()
    await bus.close()
    assert health.reachable
    assert "not migrated" in health.error
    assert health.missing == (ACTIVITIES,)


async def test_an_unreachable_database_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixel_postgres.pool._WAIT_FOR_CONNECTION_S", 0.2)
    bus = PostgresBus("postgresql://bus@127.0.0.1:1/pixel", catalogue=SHORT)
    health = await bus.health()
    assert not health.reachable
    assert health.brokers == ("127.0.0.1:1",)
    with pytest.raises(Unavailable):
        await bus.publish([activity("usr_a", "x")])
    await bus.close()
    with pytest.raises(Unavailable):
        await bus.publish([activity("usr_a", "x")])


async def test_a_bus_needs_few_connections(database: Database) -> None:
    bus = PostgresBus(database.url)
    await bus.ensure_topics()
    topics: list[Topic] = list(CATALOGUE.values())
    readers = [bus.consumer("readers", [topic.name]) for topic in topics] + [bus.follower([ACTIVITIES])]
    for reader in readers:
        await reader.start()
    for reader in readers:
        assert await reader.receive(1, 0.01) == []
    async with await psycopg.AsyncConnection.connect(database.admin_url) as admin:
        cursor = await admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'bus'"
        )
        row = await cursor.fetchone()
    await bus.close()
    assert row is not None
    assert row[0] <= 4
