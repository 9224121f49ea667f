from __future__ import annotations

import asyncio

import psycopg
import pytest
from pixel_postgres import provision
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

OWNERS_WORK = """
SET ROLE tea_owner;
CREATE TABLE tea.leaves (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text);
CREATE SEQUENCE tea.cups;
RESET ROLE;
"""


@pytest.fixture(scope="module")
async def database(make_database):
    made = await make_database()
    await provision(made.admin_url, schemas={"tea": 'it\'s "hot"', "coffee": "black"})
    await run(made.admin_url, OWNERS_WORK)
    return made


def url_of(database, user: str, password: str) -> str:
    return make_conninfo(database.admin_url, user=user, password=password)


async def run(url: str, query: str):
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        cursor = await conn.execute(query)
        return await cursor.fetchall() if cursor.description else None


async def test_a_service_reads_and_writes_its_own_tables(database):
    tea = url_of(database, "tea", 'it\'s "hot"')
    await run(tea, "INSERT INTO tea.leaves (kind) VALUES ('oolong')")
    await run(tea, "UPDATE tea.leaves SET kind = 'sencha'")
    assert await run(tea, "SELECT kind, nextval('tea.cups') FROM tea.leaves") == [("sencha", 1)]
    await run(tea, "DELETE FROM tea.leaves")


@pytest.mark.parametrize(
    "forbidden",
    [
        "SELECT 1 FROM tea.leaves",
        "CREATE TABLE tea.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "SET ROLE tea_owner",
        "ALTER ROLE tea PASSWORD 'mine'",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
    ],
)
async def test_a_service_reaches_nothing_of_another(database, forbidden):
    with pytest.raises(errors.InsufficientPrivilege):
        await run(url_of(database, "coffee", "black"), forbidden)


async def test_a_service_does_not_change_its_own_tables(database):
    with pytest.raises(errors.InsufficientPrivilege):
        await run(url_of(database, "tea", 'it\'s "hot"'), "ALTER TABLE tea.leaves ADD COLUMN price int")


async def test_an_owner_cannot_log_in(database):
    (row,) = await run(database.admin_url, "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'tea_owner'")
    assert row == (False,)


async def test_provisioning_again_keeps_everything_and_sets_the_password(database):
    await provision(database.admin_url, schemas={"coffee": "decaf"})
    assert await run(url_of(database, "coffee", "decaf"), "SELECT 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="authentication"):
        await run(url_of(database, "coffee", "black"), "SELECT 1")
    await provision(database.admin_url, schemas={"coffee": "black"})


async def test_an_idle_transaction_of_any_role_is_ended(database):
    assert await run(database.admin_url, "SHOW idle_in_transaction_session_timeout") == [("25s",)]


async def test_concurrent_provisioning_in_several_databases_succeeds(make_database):
    databases = [await make_database() for _ in range(3)]
    schemas = {f"crowd_{number}": "same" for number in range(3)}
    await asyncio.gather(*(provision(each.admin_url, schemas=schemas) for each in databases for _ in range(3)))
    for each in databases:
        for schema in schemas:
            assert await run(url_of(each, schema, "same"), "SELECT 1") == [(1,)]


async def test_an_administrator_who_is_no_superuser_can_provision_and_work_as_the_owner(make_database):
    database = await make_database()
    name = sql.Identifier(database.name).as_string()
    await run(database.admin_url, "CREATE ROLE landlord LOGIN CREATEROLE PASSWORD 'keys'")
    await run(database.admin_url, f"GRANT CREATE ON DATABASE {name} TO landlord")
    landlord = url_of(database, "landlord", "keys")
    await provision(landlord, schemas={"flat": "door"})
    await run(landlord, "SET ROLE flat_owner; CREATE TABLE flat.rooms (id int)")
    assert await run(url_of(database, "flat", "door"), "SELECT id FROM flat.rooms") == []
