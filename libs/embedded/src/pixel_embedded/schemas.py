"""Writes `services/<service>/schema.sql`, the schema after all migrations, and checks that it is current.

`python -m pixel_embedded.schemas` writes the files, `--check` refuses drift. It migrates an empty scratch server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from pixel_postgres import migrate, provision

from pixel_embedded.postgres import run_postgres

if TYPE_CHECKING:
    from pixel_embedded.postgres import PostgresServer

_PACKAGES = {
    "services/gateway/schema.sql": ("gateway", "pixel_gateway"),
    "services/generation/schema.sql": ("generation", "pixel_generation"),
    "services/media/schema.sql": ("media", "pixel_media"),
    "services/social/schema.sql": ("social", "pixel_social"),
    "libs/events/schema.sql": ("bus", "pixel_events.postgres"),
}
_NOISE = ("--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict")


async def dump_schemas() -> dict[str, str]:
    """Return the text of each schema file, made from the migrations only."""
    with tempfile.TemporaryDirectory(prefix="pixel-schemas-") as scratch:
        async with run_postgres(Path(scratch) / "pg", settings={"fsync": "off"}) as server:
            await provision(server.admin_url, schemas={schema: schema for schema, _ in _PACKAGES.values()})
            dumps = {}
            for name, (schema, package) in _PACKAGES.items():
                await asyncio.to_thread(migrate, server.admin_url, package=package, schema=schema)
                dumps[name] = await asyncio.to_thread(_dump, server, schema)
            return dumps


def _dump(server: PostgresServer, schema: str) -> str:
    done = subprocess.run(
        [str(server.bin_dir / "pg_dump"), "--schema-only", f"--schema={schema}", f"--port={server.port}",
         "--host=127.0.0.1", "--username=postgres", f"--exclude-table={schema}.alembic_version", "postgres"],
        env={**os.environ, "PGPASSWORD": server.admin_password}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(_NOISE)]
    return "\n".join(["-- Written by `make schema` from the migrations; never edited.", *lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a file differs from what the migrations do")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the checkout (default: here)")
    options = parser.parse_args()
    drifted = False
    for name, fresh in asyncio.run(dump_schemas()).items():
        file = options.root / name
        committed = file.read_text() if file.exists() else ""
        if fresh == committed:
            continue
        if options.check:
            drifted = True
            sys.stderr.writelines(unified_diff(committed.splitlines(True), fresh.splitlines(True), name, "migrations"))
        else:
            file.write_text(fresh)
    if drifted:
        sys.exit("the schema drifted from the migrations: run `make schema`")


if __name__ == "__main__":
    main()
