"""Every named query is valid on the migrated schema and used."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pixel_media.sql
import psycopg
import pytest
from pixel_media.adapters.outbound.postgres import assets, leftovers
from pixel_postgres import load_queries

FILES = sorted(path.name for path in Path(pixel_media.sql.__file__).parent.glob("*.sql"))


@pytest.fixture(scope="module")
async def connection(make_database):
    database = await make_database("media")
    async with await psycopg.AsyncConnection.connect(
        database.url, autocommit=True, options="-csearch_path=media"
    ) as opened:
        yield opened


@pytest.mark.parametrize("filename", FILES)
async def test_every_named_query_is_valid_on_the_migrated_schema(connection, filename):
    for name, query in load_queries("pixel_media.sql", filename).items():
        numbered = str(query)
        for position, parameter in enumerate(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)), 1):
            numbered = numbered.replace(f"%({parameter})s", f"${position}")
        await connection.execute(f"PREPARE {name} AS {numbered}")


@pytest.mark.parametrize("filename", FILES)
def test_every_named_query_is_used(filename):
    source = inspect.getsource(assets) + inspect.getsource(leftovers)
    assert [name for name in load_queries("pixel_media.sql", filename) if f'"{name}"' not in source] == []
