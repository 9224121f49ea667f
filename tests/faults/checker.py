"""Reads the stores from outside and says whether the invariants hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

STATEMENTS = {
    block.split("\n", 1)[0].strip(): block.split("\n", 1)[1]
    for block in Path(__file__).with_name("invariants.sql").read_text().split("-- name: ")[1:]
}
VIOLATIONS = [name for name in STATEMENTS if name != "terminal_jobs"]


async def violations(admin_url: str) -> dict[str, list[Any]]:
    """Return the ids that break each invariant of the generation schema; empty when all hold."""
    found: dict[str, list[Any]] = {}
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as conn:
        await conn.execute("SET search_path = generation")
        for name in VIOLATIONS:
            cursor = await conn.execute(STATEMENTS[name].encode())
            if rows := await cursor.fetchall():
                found[name] = rows
    return found


async def jobs(admin_url: str) -> list[dict[str, Any]]:
    """Return every job."""
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True, row_factory=dict_row) as conn:
        await conn.execute("SET search_path = generation")
        cursor = await conn.execute(STATEMENTS["terminal_jobs"].encode())
        return await cursor.fetchall()
