"""Every named query is valid on its tables and used."""

from __future__ import annotations

import inspect
import re

import psycopg
import pytest
from pixel_events import inbox, outbox, relay
from pixel_events.postgres import bus, consumer, coordinator
from pixel_postgres import load_queries

from tests.parts import Database, MakeDatabase

LIBRARY = ("pixel_events.sql", ("outbox.sql", "inbox.sql"), (inbox, outbox, relay))
BUS = ("pixel_events.postgres.sql", ("log.sql", "groups.sql"), (bus, consumer, coordinator))


async def _prepare(url: str, schema: str, package: str, filename: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, options=f"-csearch_path={schema}") as conn:
        for name, query in load_queries(package, filename).items():
            numbered = str(query)
            for position, parameter in enumerate(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)), 1):
                numbered = numbered.replace(f"%({parameter})s", f"${position}")
            await conn.execute(f"PREPARE {name} AS {numbered}".encode())


@pytest.mark.parametrize("filename", LIBRARY[1])
async def test_the_queries_on_a_services_outbox_and_inbox_are_valid(database: Database, filename: str) -> None:
    await _prepare(database.url, "studio_tests", LIBRARY[0], filename)


@pytest.mark.parametrize("filename", BUS[1])
async def test_the_queries_of_the_bus_are_valid_on_its_migrated_schema(
    make_database: MakeDatabase, filename: str
) -> None:
    await _prepare((await make_database("bus")).url, "bus", BUS[0], filename)


@pytest.mark.parametrize(("package", "filenames", "modules"), [LIBRARY, BUS])
def test_every_named_query_is_used(package: str, filenames: tuple[str, ...], modules: tuple[object, ...]) -> None:
    source = "".join(inspect.getsource(module) for module in modules)  # type: ignore[arg-type]
    names = [name for filename in filenames for name in load_queries(package, filename)]
    assert [name for name in names if f'"{name}"' not in source] == []
