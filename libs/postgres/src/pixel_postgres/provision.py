"""Creates the roles and the schema of each service; run by an administrator."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from psycopg import AsyncConnection, errors, sql

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_IDLE_IN_TRANSACTION = "25s"
"""An idle open transaction keeps all old row versions of the database, which slows every scan of a queue."""

_ATTEMPTS = 10
_RACES = (errors.UniqueViolation, errors.DuplicateObject, errors.DuplicateSchema, errors.InternalError_)
"""Roles belong to the whole server: provisioning of another database may change the same row at the same time."""


def owner_of(schema: str) -> str:
    """Return the role that owns a schema and its tables; migrations run as it."""
    return f"{schema}_owner"


async def provision(admin_url: str, *, schemas: Mapping[str, str]) -> None:
    """Create, for each schema (with its password), the owner role, the service role and the schema.

    The service role has the schema's name; it reads and writes the tables there and sees no other schema. Idle
    transactions in this database are ended by a timeout unless their session sets another; only the owner of the
    database can set it, other administrators skip it. Idempotent, and safe to run concurrently.
    """
    async with await AsyncConnection.connect(admin_url, autocommit=True) as conn:
        with suppress(errors.InsufficientPrivilege):
            await _with_retry(conn, _end_idle_transactions)
        for schema, password in schemas.items():
            await _with_retry(conn, partial(_provision_one, schema=schema, password=password))


async def _with_retry(conn: AsyncConnection, change: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            async with conn.transaction():
                await conn.execute("SELECT pg_advisory_xact_lock(hashtext('pixel_postgres.provision'))")
                await change(conn)
        except _RACES:
            if attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311 # jitter, no secret
        else:
            return


async def _end_idle_transactions(conn: AsyncConnection) -> None:
    limit = sql.SQL("ALTER DATABASE {} SET idle_in_transaction_session_timeout = {}")
    await conn.execute(limit.format(sql.Identifier(conn.info.dbname), sql.Literal(_IDLE_IN_TRANSACTION)))


async def _provision_one(conn: AsyncConnection, schema: str, password: str) -> None:
    service, owner = sql.Identifier(schema), sql.Identifier(owner_of(schema))
    # Hashed here, so that no server log contains the password.
    verifier = conn.pgconn.encrypt_password(password.encode(), schema.encode(), b"scram-sha-256").decode()
    if not await _role_exists(conn, owner_of(schema)):
        await conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(owner))
    if not await _role_exists(conn, schema):
        await conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(service))
    await conn.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(service, sql.Literal(verifier)))
    await conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    await conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(service, owner))
    await conn.execute(sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(service, owner))
    await conn.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(service, service))
    defaults = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT {} TO {}")
    for privileges in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES"):
        await conn.execute(defaults.format(owner, service, sql.SQL(privileges), service))


async def _role_exists(conn: AsyncConnection, role: str) -> bool:
    cursor = await conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    return await cursor.fetchone() is not None
