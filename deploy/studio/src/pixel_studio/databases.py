"""The studio's Postgres: one server, one schema and role for each service and for the bus."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pixel_embedded import PostgresServer

MIGRATIONS = {
    "bus": "pixel_events.postgres",
    "gateway": "pixel_gateway",
    "generation": "pixel_generation",
    "media": "pixel_media",
    "social": "pixel_social",
}
"""The package that holds the migrations of each schema."""

DATABASE = "postgres"


@dataclass(frozen=True)
class Databases:
    """The connection URL of each schema for its own role."""

    urls: Mapping[str, str]

    def __getitem__(self, schema: str) -> str:
        return self.urls[schema]


async def prepare_databases(server: PostgresServer, data_dir: Path, progress: Callable[[str], None]) -> Databases:
    """Create missing roles and schemas and migrate each schema to the newest revision."""
    from pixel_embedded.data_dir import recall_secret
    from pixel_postgres import is_current, provision

    passwords = {schema: recall_secret(data_dir / "secrets" / f"{schema}-password") for schema in MIGRATIONS}
    urls = {schema: server.url(DATABASE, schema, password) for schema, password in passwords.items()}
    current = await asyncio.gather(*(_is_provisioned_and_current(url, schema) for schema, url in urls.items()))
    outdated = [schema for schema, fine in zip(urls, current, strict=True) if not fine]
    if outdated:
        progress("preparing the database")
        await provision(server.admin_url, schemas=passwords)
        stale = [
            schema
            for schema in outdated
            if not await is_current(server.admin_url, package=MIGRATIONS[schema], schema=schema)
        ]
        await asyncio.to_thread(_migrate, server.admin_url, stale)
    return Databases(urls)


async def _is_provisioned_and_current(url: str, schema: str) -> bool:
    import psycopg
    from pixel_postgres import is_current

    try:
        return await is_current(url, package=MIGRATIONS[schema], schema=schema)
    except psycopg.Error:
        # The role does not exist or its password has changed: provisioning repairs both.
        return False


def _migrate(admin_url: str, schemas: list[str]) -> None:
    # Alembic is imported only when there is something to do.
    from pixel_postgres import migrate

    for schema in schemas:
        migrate(admin_url, package=MIGRATIONS[schema], schema=schema)
