"""`python -m pixel_media`: the roles as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from dataclasses import replace

import pytest
from pixel.media.v1 import assets_service_pb2 as pb
from pixel.media.v1 import assets_service_pb2_grpc as pb_grpc
from pixel_errors import PixelError
from pixel_postgres import is_current, provision
from pixel_rpc import open_channel
from psycopg.conninfo import conninfo_to_dict, make_conninfo


def start(*arguments: str, **environ: str):
    return asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pixel_media",
        *arguments,
        env=os.environ | environ,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.fixture
async def database(make_database):
    """A database with the schema and no tables, for a role that exists already."""
    migrated, empty = await make_database("media"), await make_database()
    password = conninfo_to_dict(migrated.url)["password"]
    await provision(empty.url, schemas={"media": str(password)})
    return replace(empty, url=make_conninfo(migrated.url, dbname=empty.name))


async def test_migrate_creates_the_tables_and_serve_answers_until_sigterm(database, tmp_path, free_port, wait_until):
    environ = {
        "PIXEL_MEDIA_DATABASE_URL": database.url,
        "PIXEL_MEDIA_MIGRATE_URL": database.admin_url,
        "PIXEL_BLOBS_URL": (tmp_path / "objects").as_uri(),
        "PIXEL_MEDIA_GRPC_ADDRESS": f"127.0.0.1:{free_port}",
        "PIXEL_MEDIA_SIGNING_KEY": "key",
    }
    migrating = await start("migrate", **environ)
    _, log = await migrating.communicate()
    assert migrating.returncode == 0, log.decode()
    assert await is_current(database.url, package="pixel_media", schema="media")
    assert (tmp_path / "objects").is_dir()

    serving = await start("serve", "work", "relay", **environ)
    async with open_channel(f"127.0.0.1:{free_port}") as channel:
        stub = pb_grpc.AssetsServiceStub(channel)

        async def answers() -> bool:
            with contextlib.suppress(PixelError):
                await stub.BatchGetAssets(pb.BatchGetAssetsRequest())
                return True
            return False

        await wait_until(answers, timeout_s=30)
        serving.terminate()
        _, log = await asyncio.wait_for(serving.communicate(), 15)
    assert serving.returncode == 0, log.decode()
    assert b"Traceback" not in log


async def test_an_invalid_setting_is_named_and_nothing_starts():
    process = await start("serve", PIXEL_MEDIA_SANDBOXES="many")
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"PIXEL_MEDIA_SANDBOXES" in said
    assert b"Traceback" not in said
