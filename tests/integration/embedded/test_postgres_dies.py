"""A server that dies while in use."""

from __future__ import annotations

import os
import signal

import psycopg
from pixel_embedded import run_postgres


async def test_a_server_that_is_killed_is_started_again_on_its_port(tmp_path, wait_until):
    async with run_postgres(tmp_path / "pg") as server:
        async with await psycopg.AsyncConnection.connect(server.admin_url, autocommit=True) as conn:
            await conn.execute("CREATE TABLE kept AS SELECT 1 AS one")
        os.kill(server.pid, signal.SIGKILL)

        async def answers() -> bool:
            try:
                async with await psycopg.AsyncConnection.connect(server.admin_url) as conn:
                    found = await (await conn.execute("SELECT one FROM kept")).fetchone()
            except psycopg.OperationalError:
                return False
            return found == (1,)

        await wait_until(answers, timeout_s=30)
