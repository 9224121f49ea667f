"""One process sweeps at a time."""

from __future__ import annotations

import psycopg
from pixel_generation.adapters.outbound.postgres.leadership import PostgresLeadership
from pixel_postgres import open_pool

from tests.parts import MakeDatabase


async def test_one_process_leads_until_its_turn_ends_and_holds_no_transaction(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with (
        open_pool(database.url, schema="generation", application="one") as one_pool,
        open_pool(database.url, schema="generation", application="other") as other_pool,
        await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as admin,
    ):
        one, other = (PostgresLeadership(pool) for pool in (one_pool, other_pool))
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


async def test_duties_of_one_process_share_the_lead_and_its_connection(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with (
        open_pool(database.url, schema="generation", application="one", max_size=1) as one_pool,
        open_pool(database.url, schema="generation", application="other") as other_pool,
    ):
        one, other = PostgresLeadership(one_pool), PostgresLeadership(other_pool)
        first, second = one.lead(), one.lead()
        assert await first.__aenter__()
        assert await second.__aenter__()
        await first.__aexit__(None, None, None)
        async with other.lead() as leads:
            assert not leads
        await second.__aexit__(None, None, None)
        async with other.lead() as leads:
            assert leads
