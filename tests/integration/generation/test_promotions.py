"""A promotion that is ended while others wait for it, in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pixel_runtime.ids import new_id

from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase


@pytest.fixture
async def submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    async with open_submitter(make_database) as opened:
        yield opened


async def until_somebody_waits(submitter: Submitter, count: int) -> None:
    """Wait until this many backends wait for a lock."""
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while (await submitter.row(query))["n"] < count:
            await asyncio.sleep(0.01)
            # A transaction sees the backends of its first look: one that connected later would never be counted.
            await submitter.run("SELECT pg_stat_clear_snapshot()")


async def test_a_redemption_that_waited_for_the_end_of_a_code_is_refused(submitter: Submitter) -> None:
    """The waiting redemptions of a leaked code began before its end."""
    await submitter.promotions.create("LEAKED", 25, max_uses=None, ends_at=None, actor="usr_admin")
    async with submitter.admin.transaction():
        await submitter.run("SELECT FROM promotions WHERE code = 'LEAKED' FOR NO KEY UPDATE")
        ending = asyncio.create_task(submitter.promotions.end("LEAKED", actor="usr_admin"))
        await until_somebody_waits(submitter, 1)
        redeeming = [asyncio.create_task(submitter.promotions.redeem(new_id(), "LEAKED")) for _ in range(3)]
        await until_somebody_waits(submitter, 2)
    ended, redeemed = await ending, await asyncio.gather(*redeeming)
    assert ended is not None
    assert ended.ends_at is not None
    assert [each.redeemed for each in redeemed if each] == [False] * 3
    row = await submitter.row("SELECT used, ends_at FROM promotions")
    assert (row["used"], row["ends_at"]) == (0, ended.ends_at)


async def test_of_two_concurrent_ends_of_a_code_the_first_one_counts(submitter: Submitter) -> None:
    await submitter.promotions.create("LEAKED", 25, max_uses=None, ends_at=None, actor="usr_admin")
    async with submitter.admin.transaction():
        await submitter.run("SELECT FROM promotions WHERE code = 'LEAKED' FOR NO KEY UPDATE")
        ending = [asyncio.create_task(submitter.promotions.end("LEAKED", actor="usr_admin")) for _ in range(2)]
        await until_somebody_waits(submitter, 2)
    first, second = await asyncio.gather(*ending)
    assert first == second
    (noted,) = await submitter.rows("SELECT actor, metadata FROM actions WHERE action = 'end_promotion'")
    assert noted == {"actor": "usr_admin", "metadata": {"code": "LEAKED"}}
