from __future__ import annotations

import asyncio

import psycopg
import pytest
from pixel_errors import Conflict, DeadlineExceeded, FailedPrecondition, Unavailable
from pixel_postgres import Pool, execute, execute_many, fetch_all, fetch_one, open_pool


@pytest.fixture(scope="module")
async def pool(make_database):
    database = await make_database()
    async with open_pool(database.url, schema="public", application="tests") as opened:
        async with opened.autocommit() as conn:
            await conn.execute("CREATE TABLE jars (id int PRIMARY KEY, label text NOT NULL, marbles int CHECK (marbles >= 0))")
        yield opened


@pytest.fixture(autouse=True)
async def empty_table(pool: Pool) -> None:
    async with pool.autocommit() as conn:
        await conn.execute("TRUNCATE jars")


async def labels(pool: Pool) -> list[str]:
    async with pool.autocommit() as conn:
        return [row["label"] for row in await fetch_all(conn, "SELECT label FROM jars ORDER BY id")]


async def test_a_transaction_commits_at_its_end(pool):
    async with pool.transaction() as conn:
        assert await execute(conn, "INSERT INTO jars VALUES (%(id)s, %(label)s)", {"id": 1, "label": "100 % blue"}) == 1
    assert await labels(pool) == ["100 % blue"]


async def test_a_transaction_that_raises_leaves_nothing(pool):
    with pytest.raises(KeyError):
        async with pool.transaction() as conn:
            await execute(conn, "INSERT INTO jars VALUES (1, 'red')")
            raise KeyError
    assert await labels(pool) == []
