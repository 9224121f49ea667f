"""Contract of the bulk call counts: exact under concurrency, in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest
from pixel_gateway.adapters.outbound.bulk_calls import PostgresBulkCalls
from pixel_gateway.adapters.outbound.postgres import PostgresAccounts
from pixel_gateway.application.generations.ports import BulkCalls
from pixel_gateway.domain.account import Account
from pixel_postgres import open_pool
from pixel_runtime.ids import format_id, new_id

from tests.fakes.gateway_engine import FakeBulkCalls

CONTRACTS = {BulkCalls: (FakeBulkCalls, PostgresBulkCalls)}

DAY, NEXT_DAY = date(2026, 11, 21), date(2026, 11, 22)


@pytest.fixture
def fake_bulk_calls():
    return FakeBulkCalls(), [format_id("usr", new_id()) for _ in range(2)]


@pytest.fixture
async def real_bulk_calls(make_database):
    database = await make_database("gateway")
    async with open_pool(database.url, schema="gateway", application="test") as pool:
        accounts = [Account(format_id("usr", new_id()), name, datetime.now(UTC)) for name in ("ada", "bob")]
        for account in accounts:
            await PostgresAccounts(pool).ensure(account, 0)
        yield PostgresBulkCalls(pool), [account.id for account in accounts]


@pytest.fixture(params=["fake", "real"])
def counted(request):
    return request.getfixturevalue(f"{request.param}_bulk_calls")


async def test_the_daily_number_of_bulk_calls_is_limited_also_for_concurrent_calls(counted):
    bulk_calls, (ada, bob) = counted

    counts = await asyncio.gather(*(bulk_calls.count(ada, DAY, 10) for _ in range(25)))

    assert sum(counts) == 10
    assert await bulk_calls.count(bob, DAY, 10)


async def test_the_daily_count_restarts_the_next_day(counted):
    bulk_calls, (ada, _) = counted

    counts = [await bulk_calls.count(ada, day, 2) for day in (DAY, DAY, DAY, NEXT_DAY, NEXT_DAY, NEXT_DAY)]

    assert counts == [True, True, False] * 2
