"""Forward-only migrations: plain SQL files, ordered and recorded by Alembic.

A service's package holds `migrations/0001_name.sql` and, for each, `migrations/versions/0001_name.py`, which names the
revision and calls `run_sql(__file__)`.
"""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pixel_postgres.provision import owner_of

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_LOCK_WITHIN = "60s"
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)


def migrate(url: str, *, package: str, schema: str) -> None:
    """Migrate the schema to the newest revision; does nothing when it is current.

    `url` is the administrator's or the owner's. One at a time per schema; each revision in its own transaction.
    """
    with psycopg.connect(url, autocommit=True) as guard:
        guard.execute(f"SET lock_timeout = '{_LOCK_WITHIN}'")
        guard.execute("SELECT pg_advisory_lock(hashtextextended('pixel_postgres.migrate ' || %s, 0))", (schema,))
        _upgrade_patiently(url, _folder(package), schema)
        # Default privileges let the service write its owner's tables; this one is read-only for it.
        version_table = sql.Identifier(schema, "alembic_version")
        guard.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner_of(schema))))
        guard.execute(
            sql.SQL("REVOKE INSERT, UPDATE, DELETE ON {} FROM {}").format(version_table, sql.Identifier(schema))
        )


async def is_current(url: str, *, package: str, schema: str) -> bool:
    """Return whether the schema is at the newest revision of this code. Reads file names only; imports no Alembic."""
    newest = max(revision_files(package), key=lambda file: file.name).name.split("_", 1)[0]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        found = await conn.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{schema}.alembic_version",))
        if await found.fetchone() != (True,):
            return False
        table = sql.Identifier(schema, "alembic_version")
        cursor = await conn.execute(sql.SQL("SELECT version_num FROM {}").format(table))
        return await cursor.fetchone() == (newest,)


def revision_files(package: str) -> list[Path]:
    """Return the revision modules of a package in order."""
    return sorted((_folder(package) / "versions").glob("[0-9]*_*.py"))


def run_sql(revision_file: str) -> None:
    """Execute the .sql file of the revision: same name, one folder above."""
    from alembic import op

    revision = Path(revision_file)
    source = revision.parent.parent / f"{revision.stem}.sql"
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the migration has no connection")
    try:
        driver.execute(source.read_text(encoding="utf-8"))
    except psycopg.Error as error:
        error.add_note(f"in migration {source.name}")
        raise


def _folder(package: str) -> Path:
    return Path(str(files(package))) / "migrations"


def _upgrade_patiently(url: str, folder: Path, schema: str) -> None:
    """Retry when a lock was not free in time: a long wait for a lock blocks every query queued behind it."""
    for pause_s in _PAUSES_S:
        try:
            _upgrade(url, folder, schema)
        except psycopg.errors.LockNotAvailable:
            time.sleep(pause_s)
        else:
            return
    _upgrade(url, folder, schema)


def _upgrade(url: str, folder: Path, schema: str) -> None:
    # Importing SQLAlchemy takes a second of CPU: only migrations import it.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import NullPool, create_engine

    scripts = ScriptDirectory(str(folder))

    def to_head(revision: Any, _context: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001 # what alembic's own upgrade command calls

    engine = create_engine("postgresql+psycopg://", creator=lambda: _connect_as_owner(url, schema), poolclass=NullPool)
    with engine.connect() as connection, EnvironmentContext(Config(), scripts, fn=to_head) as environment:
        environment.configure(
            connection=connection,
            version_table_schema=schema,
            transaction_per_migration=True,
        )
        with environment.begin_transaction():
            environment.run_migrations()


def _connect_as_owner(url: str, schema: str) -> psycopg.Connection:
    conn = psycopg.connect(url, autocommit=True, application_name="pixel-migrate")
    conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner_of(schema))))
    conn.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
    conn.autocommit = False
    return conn
