from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from pixel_postgres import is_current, migrate, provision
from pixel_postgres.migrations import revision_files
from psycopg import errors
from psycopg.conninfo import make_conninfo

from tests.parts import ROLE_PASSWORD

REVISION = """
from pixel_postgres.migrations import run_sql
revision = "{number:04}"
down_revision = {before}
def upgrade() -> None:
    run_sql(__file__)
"""
PACKAGES = {
    "gateway": "pixel_gateway",
    "generation": "pixel_generation",
    "media": "pixel_media",
    "social": "pixel_social",
    "bus": "pixel_events.postgres",
}

numbers = itertools.count()


@dataclass
class Package:
    name: str
    folder: Path

    def add(self, number: int, text: str) -> None:
        migrations = self.folder / "migrations"
        before = repr(f"{number - 1:04}") if number > 1 else None
        (migrations / f"{number:04}_step.sql").write_text(f"SET LOCAL lock_timeout = '2s';\n{text}")
        (migrations / "versions" / f"{number:04}_step.py").write_text(REVISION.format(number=number, before=before))


@pytest.fixture
def package(tmp_path, monkeypatch) -> Package:
    made = Package(f"migrations_of_a_test_{next(numbers)}", tmp_path)
    made.folder = tmp_path / made.name
    (made.folder / "migrations" / "versions").mkdir(parents=True)
    (made.folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return made


@pytest.fixture
async def database(make_database):
    made = await make_database()
    await provision(made.admin_url, schemas={"attic": "dusty"})
    return made


async def query(url: str, text: str):
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        cursor = await conn.execute(text)
        return await cursor.fetchall() if cursor.description else None


async def run_migrations(database, package: Package) -> None:
    await asyncio.to_thread(migrate, database.admin_url, package=package.name, schema="attic")


async def current(database, package: Package) -> bool:
    return await is_current(database.admin_url, package=package.name, schema="attic")


async def test_migrations_run_in_order_as_the_schemas_owner(database, package):
    package.add(1, "CREATE TABLE boxes (id int PRIMARY KEY);")
    package.add(2, "ALTER TABLE boxes ADD COLUMN label text; INSERT INTO boxes VALUES (1, '100 % old; really');")
    assert not await current(database, package)
    await run_migrations(database, package)
    assert await current(database, package)
    assert await query(database.admin_url, "SELECT id, label FROM attic.boxes") == [(1, "100 % old; really")]
    owners = await query(database.admin_url, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'attic'")
    assert owners == [("attic_owner",)]


async def test_migrating_again_changes_nothing(database, package):
    package.add(1, "CREATE TABLE boxes (id int PRIMARY KEY);")
    await run_migrations(database, package)
    await run_migrations(database, package)
    assert await query(database.admin_url, "SELECT version_num FROM attic.alembic_version") == [("0001",)]


async def test_only_what_is_new_runs(database, package):
    package.add(1, "CREATE TABLE boxes (id int PRIMARY KEY);")
    await run_migrations(database, package)
    package.add(2, "CREATE TABLE trunks (id int PRIMARY KEY);")
    assert not await current(database, package)
    await run_migrations(database, package)
    assert await current(database, package)


async def test_a_migration_that_fails_leaves_nothing_of_itself_and_keeps_those_before(database, package):
    package.add(1, "CREATE TABLE boxes (id int PRIMARY KEY);")
    package.add(2, "CREATE TABLE trunks (id int PRIMARY KEY); SELECT 1 FROM nothing_like_it;")
    with pytest.raises(errors.UndefinedTable) as caught:
        await run_migrations(database, package)
    assert caught.value.__notes__ == ["in migration 0002_step.sql"]
    tables = await query(database.admin_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'attic' ORDER BY 1")
    assert tables == [("alembic_version",), ("boxes",)]
    assert await query(database.admin_url, "SELECT version_num FROM attic.alembic_version") == [("0001",)]


async def test_concurrent_migrations_succeed(database, package):
    package.add(1, "CREATE TABLE boxes (id int PRIMARY KEY);")
    package.add(2, "INSERT INTO boxes SELECT count(*) FROM boxes;")
    await asyncio.gather(*(run_migrations(database, package) for _ in range(4)))
    assert await query(database.admin_url, "SELECT id FROM attic.boxes") == [(0,)]


async def test_a_migration_retries_while_a_long_transaction_holds_the_lock(database, package, monkeypatch, wait_until):
    monkeypatch.setattr("pixel_postgres.migrations._PAUSES_S", (0.01,) * 200)
    package.add(1, "CREATE TABLE boxes (id int PRIMARY KEY);")
    await run_migrations(database, package)
    package.add(2, "SET LOCAL lock_timeout = '10ms'; ALTER TABLE boxes ADD COLUMN label text;")
    async with await psycopg.AsyncConnection.connect(database.admin_url) as reader:
        await reader.execute("SELECT id FROM attic.boxes")
        migrating = asyncio.create_task(run_migrations(database, package))
        refused = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pixel-migrate' AND query LIKE 'SET LOCAL%'"

        async def it_tried() -> bool:
            return bool(await query(database.admin_url, refused))

        await wait_until(it_tried)
        assert not migrating.done()
        await reader.rollback()
        await migrating
    assert await current(database, package)


async def test_the_service_reads_its_version_and_cannot_change_it(database, package):
    package.add(1, "CREATE TABLE boxes (id int PRIMARY KEY);")
    await run_migrations(database, package)
    service = make_conninfo(database.admin_url, user="attic", password="dusty")
    assert await is_current(service, package=package.name, schema="attic")
    with pytest.raises(errors.InsufficientPrivilege):
        await query(service, "DELETE FROM attic.alembic_version")


@pytest.mark.parametrize("schema", PACKAGES)
async def test_the_migrations_of_a_service_run_twice_from_nothing(make_database, schema):
    database = await make_database()
    await provision(database.admin_url, schemas={schema: ROLE_PASSWORD})
    for _ in range(2):
        await asyncio.to_thread(migrate, database.admin_url, package=PACKAGES[schema], schema=schema)
    assert await is_current(database.admin_url, package=PACKAGES[schema], schema=schema)


@pytest.mark.parametrize("package_name", PACKAGES.values())
def test_every_sql_file_of_a_service_is_one_revision_of_one_line(package_name):
    revisions = revision_files(package_name)
    migrations = revisions[0].parent.parent
    assert [file.stem for file in revisions] == sorted(file.stem for file in migrations.glob("*.sql"))
    assert len(ScriptDirectory(str(migrations)).get_heads()) == 1
    for file in migrations.glob("*.sql"):
        statements = [line for line in file.read_text().splitlines() if line and not line.startswith("--")]
        assert statements[0] == "SET LOCAL lock_timeout = '2s';", file
