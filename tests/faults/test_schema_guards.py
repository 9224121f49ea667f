"""Guards of the schema and of the transition table."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from pixel_generation.domain.jobs.job import STARTING, TRANSITIONS, Transition

from tests.parts import MakeDatabase


async def connect(url: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
    return await psycopg.AsyncConnection.connect(url, autocommit=True, options="-c search_path=generation")


@pytest.mark.parametrize("kind", ["hold", "capture", "release"])
async def test_a_round_has_one_transfer_of_each_kind(kind: str, make_database: MakeDatabase) -> None:
    database, job, user = await make_database("generation"), uuid4(), uuid4()
    insert = "INSERT INTO ledger_transfers (id, kind, user_id, job_id, round) VALUES (%s, %s, %s, %s, %s)"
    async with await connect(database.url) as conn:
        await conn.execute(insert, (uuid4(), kind, user, job, 1))
        await conn.execute(insert, (uuid4(), kind, user, job, 2))
        with pytest.raises(psycopg.errors.UniqueViolation):
            await conn.execute(insert, (uuid4(), kind, user, job, 2))


async def test_ledger_entries_cannot_be_changed(make_database: MakeDatabase) -> None:
    """Not even by the owner of the tables."""
    database, transfer, user = await make_database("generation"), uuid4(), uuid4()
    async with await connect(database.admin_url) as conn:
        await conn.execute(
            "INSERT INTO ledger_transfers (id, kind, user_id, grant_id) VALUES (%s, 'grant', %s, 'g')", (transfer, user)
        )
        await conn.execute(
            "INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)"
            " VALUES (%s, 1, 'promotions', NULL, -5), (%s, 2, 'user_available', %s, 5)",
            (transfer, transfer, user),
        )
        for change in ("UPDATE ledger_entries SET credits = credits * 2", "DELETE FROM ledger_entries"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                await conn.execute(change)


async def test_a_balance_is_never_below_zero(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with await connect(database.url) as conn:
        await conn.execute("INSERT INTO accounts (user_id, available) VALUES (%s, 5)", (uuid4(),))
        with pytest.raises(psycopg.errors.CheckViolation):
            await conn.execute("UPDATE accounts SET available = available - 6")


def test_a_job_cannot_deliver_before_its_provider_call_is_recorded() -> None:
    """Otherwise a worker that dies during its call leaves a job that seems to have made none."""
    assert {move for state, move in TRANSITIONS if state == STARTING} & {
        Transition.DELIVER,
        Transition.COMPLETE,
    } == set()
