"""The checker's view of PostgreSQL: the named statements of `invariants.sql` and what their rows mean."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

STATEMENTS = {
    block.split("\n", 1)[0].strip(): block.split("\n", 1)[1]
    for block in Path(__file__).with_name("invariants.sql").read_text().split("-- name: ")[1:]
}
INVARIANT = re.compile(r"(I\d+) (\w+)")
SCHEMA = re.compile(r"\b(generation|social|gateway|media)\.\w")


@dataclass(frozen=True)
class Violation:
    """One violation of an invariant."""

    invariant: str
    check: str
    subject: str
    detail: str


@dataclass
class Stores:
    """A read-only session on one snapshot of every existing schema."""

    connection: psycopg.AsyncConnection[dict[str, Any]]
    schemas: frozenset[str]

    async def rows(self, name: str) -> list[dict[str, Any]]:
        """Run a statement; return nothing when a schema it reads does not exist."""
        text = STATEMENTS[name]
        if not set(SCHEMA.findall(text)) <= self.schemas:
            return []
        cursor = await self.connection.execute(text.encode())
        return await cursor.fetchall()

    async def violations(self) -> list[Violation]:
        found = []
        for name in STATEMENTS:
            if parts := INVARIANT.fullmatch(name):
                rows = await self.rows(name)
                found += [Violation(parts[1], parts[2], row["subject"], row["detail"]) for row in rows]
        return found


@asynccontextmanager
async def open_stores(url: str) -> AsyncIterator[Stores]:
    """Open the superuser's address; the snapshot is one for all statements."""
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        cursor = await connection.execute(b"SELECT nspname FROM pg_namespace")
        yield Stores(connection, frozenset(row["nspname"] for row in await cursor.fetchall()))
        await connection.rollback()
