"""One process sweeps at a time."""

from __future__ import annotations

import psycopg
from pixel_generation.adapters.outbound.postgres.housekeeping import PostgresHousekeeping
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import open_pool
from pixel_runtime.clock import SystemClock

from tests.parts import MakeDatabase


async def test_one_process_leads_until_its_turn_ends_and_holds_no_transaction(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with (
        open_pool(database.url, schema="generation", application="one") as one_pool,
        open_pool(database.url, schema="generation", application="other") as other_pool,
        await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as admin,
    ):
        one, other = (PostgresHousekeeping(pool, SystemClock(), KINDS, MESSAGES) for pool in (one_pool, other_pool))
        async with one.lead() as leads:
            assert leads
            async with other.lead() as others_leads:
                assert not others_leads
            cursor = await admin.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = %s AND state LIKE 'idle in transaction%%'",
                (database.name,),
            )
            assert await cursor.fetchall() == []
        async with other.lead() as leads:
            assert leads
