"""Leadership of one session of a schema."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from pixel_errors import PixelError
from pixel_postgres import Pool, leading, open_pool
from pixel_postgres.queries import execute

from tests.parts import Database, MakeDatabase

SLOW_HASH = """
CREATE FUNCTION shelf.hashtext(text) RETURNS integer LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(30); RETURN 1; END $$
"""


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    made = await make_database()
    async with await psycopg.AsyncConnection.connect(made.url, autocommit=True) as conn:
        await conn.execute("CREATE SCHEMA shelf; CREATE SCHEMA cellar")
    return made


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with open_pool(database.url, schema="shelf", application="test", max_size=1) as pool:
        yield pool


async def leads(url: str, name: str = "sort the jars", schema: str = "shelf") -> bool:
    async with (
        open_pool(url, schema=schema, application="other") as pool,
        pool.autocommit() as conn,
        leading(conn, name) as is_leader,
    ):
        return is_leader


async def terminate(url: str, backend_pid: int) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
        await admin.execute("SELECT pg_terminate_backend(%s, 5000)", (backend_pid,))


async def test_others_do_not_lead_until_the_block_ends(database: Database, pool: Pool) -> None:
    async with pool.autocommit() as conn, leading(conn, "sort the jars") as is_leader:
        assert is_leader
        assert not await leads(database.url)
        assert await leads(database.url, "wash the jars")
        assert await leads(database.url, schema="cellar")
    assert await leads(database.url)


async def test_a_lost_session_no_longer_leads_and_its_error_is_raised(database: Database, pool: Pool) -> None:
    with pytest.raises(PixelError):
        async with pool.autocommit() as conn, leading(conn, "sort the jars"):
            await execute(conn, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert await leads(database.url)


async def test_a_connection_that_could_not_release_the_lead_is_closed(database: Database, pool: Pool) -> None:
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as admin:
        await admin.execute(SLOW_HASH)
    async with pool.autocommit() as conn, leading(conn, "sort the jars"):
        await conn.execute("SET search_path = shelf, pg_catalog; SET statement_timeout = 50")
    assert await leads(database.url)


async def test_a_cancelled_leader_stays_cancelled_when_its_session_is_lost_too(database: Database, pool: Pool) -> None:
    began = asyncio.Event()

    async def lead() -> None:
        async with pool.autocommit() as conn, leading(conn, "sort the jars"):
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                await terminate(database.url, conn.info.backend_pid)

    leader = asyncio.create_task(lead())
    await began.wait()
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    assert await leads(database.url)
