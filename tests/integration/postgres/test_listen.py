from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import psycopg
import pytest
from pixel_postgres import Pool, open_pool

FAR = 30.0


@pytest.fixture(scope="module")
async def database(make_database):
    return await make_database()


@pytest.fixture
async def pool(database):
    async with open_pool(database.url, schema="public", application="listener") as opened:
        yield opened


class Turns:
    count = 0

    def __init__(self, stop: asyncio.Event) -> None:
        self.stop = stop


@asynccontextmanager
async def listening(pool: Pool, channel: str, poll_s: float):
    turns = Turns(asyncio.Event())

    async def count() -> None:
        async for _ in pool.listen(channel, turns.stop, poll_s):
            turns.count += 1

    task = asyncio.create_task(count())
    try:
        yield turns
    finally:
        turns.stop.set()
        await asyncio.wait_for(task, 5)


async def notify(pool: Pool, channel: str) -> None:
    async with pool.autocommit() as conn:
        await conn.execute("SELECT pg_notify(%s, '')", (channel,))


async def listeners(pool: Pool) -> list[int]:
    async with pool.autocommit() as conn:
        cursor = await conn.execute(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
        return [row["pid"] for row in await cursor.fetchall()]


async def test_the_first_turns_come_at_once(pool, wait_until):
    async with listening(pool, "post", FAR) as turns:
        await wait_until(lambda: turns.count == 2)


async def test_a_notification_is_a_turn(pool, wait_until):
    async with listening(pool, "post", FAR) as turns:
        await wait_until(lambda: turns.count == 2)
        for number in range(3):
            await notify(pool, "post")
            await wait_until(lambda wanted=number + 3: turns.count >= wanted)


async def test_a_notification_between_turns_is_not_lost(pool, wait_until):
    stop = asyncio.Event()
    turns = pool.listen("post", stop, FAR)
    await anext(turns)
    await anext(turns)
    await notify(pool, "post")
    await asyncio.wait_for(anext(turns), 5)
    await turns.aclose()


async def test_turns_come_by_time_without_notifications(pool, wait_until):
    async with listening(pool, "silence", 0.02) as turns:
        await wait_until(lambda: turns.count >= 6)


async def test_stop_ends_the_turns_at_once(pool, wait_until):
    async with listening(pool, "post", FAR) as turns:
        await wait_until(lambda: turns.count == 2)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    await wait_until(lambda: nobody_listens(pool))


async def nobody_listens(pool: Pool) -> bool:
    return await listeners(pool) == []


async def test_a_lost_connection_is_reconnected(pool, database, wait_until):
    async with listening(pool, "post", 0.05) as turns:
        await wait_until(lambda: turns.count >= 2)
        (lost,) = await listeners(pool)
        async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as conn:
            await conn.execute("SELECT pg_terminate_backend(%s)", (lost,))

        async def another_listens() -> bool:
            return any(pid != lost for pid in await listeners(pool))

        await wait_until(another_listens)


async def test_turns_come_by_time_while_the_database_is_unreachable(free_port, wait_until):
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port}/none"
    async with (
        open_pool(nowhere, schema="public", application="lonely") as away,
        listening(away, "post", 0.02) as turns,
    ):
        await wait_until(lambda: turns.count >= 5)
