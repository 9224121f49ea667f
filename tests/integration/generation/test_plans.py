"""No statement that runs for a request, a job or a sweep reads a whole table that grows."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from pixel_postgres import load_queries
from pixel_postgres.pool import session_conninfo

from tests.parts import MakeDatabase

GROWING = (
    "live_jobs|archived_jobs|job_events|attempts|submissions|ledger_transfers|ledger_entries|job_statistics|actions"
    "|budget_reservations"
)
WHOLE_TABLE = re.compile(rf"Seq Scan on (?:{GROWING})\b")
PARAMETER = re.compile(r"%\((\w+)\)[sb](?:::([a-z0-9 ]+(?:\[\])?))?")
FILES = (
    "jobs.sql",
    "duties.sql",
    "set_aside.sql",
    "changes.sql",
    "queue_holds.sql",
    "events.sql",
    "submissions.sql",
    "generations.sql",
    "estimates.sql",
    "receipts.sql",
    "statements.sql",
    "operations.sql",
    "statistics.sql",
    "ledger.sql",
    "accounts.sql",
    "budgets.sql",
    "archive.sql",
)
STATEMENTS = [(file, name) for file in FILES for name in load_queries("pixel_generation.sql", file)]
SMALLEST = "00000000-0000-0000-0000-000000000000"
LARGEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
USER = "00000000-0000-7000-8000-000000000007"
BY_NAME = {
    "user_id": USER,
    "queue": "sketch",
    "queues": "{sketch}",
    "user_ids": f"{{{USER}}}",
    "last_id": LARGEST,
    "first_id": SMALLEST,
    "created_after": "2000-01-01",
    "ended_after": "2000-01-01",
    "window": "10000",
    "limit": "50",
    "most": "1000",
    "kinds": "{hold,capture}",
    "writer": "worker",
    "from_status": "processing",
    "key": "key-7",
    "keys_": "{key-7}",
    "route": "{}",
    "sequence": "3",
    "attempt": "1",
    "failure_code": "timeout",
    "model": "studio-sketch",
    "status": "completed",
    "statuses": "{queued}",
    "kind": "image",
    "xid": "100",
    "first_day": "2099-01-01",
    "start": "2099-01-01",
}
BY_TYPE = {
    "text": "word",
    "uuid": LARGEST,
    "integer": "1",
    "smallint": "1",
    "bigint": "1",
    "double precision": "1",
    "boolean": "true",
    "timestamptz": "2100-01-01",
    "date": "2100-01-01",
    "jsonb": "{}",
    "json": "{}",
    "bytea": "x",
}


@pytest.fixture(scope="module")
async def history(make_database: MakeDatabase) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    database = await make_database("generation")
    options = "-c search_path=generation"
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True, options=options) as conn:
        await conn.execute("SET session_replication_role = replica")
        await conn.execute(load_queries("tests.integration.generation", "history.sql")["fill_history"])
        await conn.execute("SET session_replication_role = origin")
        await conn.execute("VACUUM ANALYZE")
        yield conn


@pytest.fixture(scope="module")
async def first_day(make_database: MakeDatabase) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A session as the services have, on tables without a row."""
    database = await make_database("generation")
    url = session_conninfo(database.url, schema="generation", application="first day")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        yield conn


def value_of(name: str, kind: str, job: str) -> str:
    """Return a parameter as a literal of a realistic call."""
    if name in {"id", "job_id"}:
        return f"'{job}'"
    if name in {"ids", "job_ids"}:
        return f"'{{{job}}}'"
    if name in BY_NAME and (kind.endswith("[]") is BY_NAME[name].startswith("{") or kind == "jsonb"):
        return f"'{BY_NAME[name]}'"
    if kind.endswith("[]"):
        return f"ARRAY['{BY_TYPE[kind[:-2]]}']::{kind}"
    return f"'{BY_TYPE[kind]}'"


@pytest.mark.parametrize(("file", "name"), STATEMENTS, ids=[name for _, name in STATEMENTS])
async def test_no_query_scans_a_growing_table(history: psycopg.AsyncConnection[Any], file: str, name: str) -> None:
    query = load_queries("pixel_generation.sql", file)[name]
    plan = await plan_of(history, query)
    for examined in (plan, await plan_of(history, query, mode="force_generic_plan")):
        assert WHOLE_TABLE.findall(examined) == [], examined
    if file != "changes.sql":  # a change leaves out what its writer does not do
        assert "One-Time Filter: false" not in plan, f"these parameters can find nothing:\n{plan}"


@pytest.mark.parametrize(("file", "name"), STATEMENTS, ids=[name for _, name in STATEMENTS])
async def test_a_plan_cached_on_empty_tables_stays_fast_when_they_have_grown(
    first_day: psycopg.AsyncConnection[Any], file: str, name: str
) -> None:
    """A generic plan of a prepared statement is kept until the server analyzes its tables: minutes, at times."""
    plan = await plan_of(first_day, load_queries("pixel_generation.sql", file)[name], mode="force_generic_plan")
    assert WHOLE_TABLE.findall(plan) == [], plan


IN_ORDER = (
    ("generations.sql", "list_generations"),
    ("generations.sql", "find_end_of_generation_window"),
    ("operations.sql", "list_failures"),
    ("operations.sql", "find_end_of_failure_window"),
    ("operations.sql", "count_failures_by_code"),
    ("archive.sql", "list_job_ids"),
)


@pytest.mark.parametrize(("file", "name"), IN_ORDER, ids=[name for _, name in IN_ORDER])
async def test_a_list_merges_index_scans_of_jobs_and_archive(
    history: psycopg.AsyncConnection[Any], file: str, name: str
) -> None:
    query = load_queries("pixel_generation.sql", file)[name]
    # A window smaller than the number of rows.
    plan = await plan_of(history, query.replace("%(window)s::integer", "51"))
    merged = plan.split("Merge Append", 1)
    assert len(merged) == 2, plan
    assert "Sort  (" not in merged[1].split("SubPlan")[0], plan
    assert re.search(r"Index (?:Only )?Scan .*using jobs_\w+ on live_jobs ", merged[1]), plan
    assert re.search(r"Index (?:Only )?Scan .*using jobs_archive_\w+ on archived_jobs ", merged[1]), plan


async def test_open_jobs_are_not_searched_in_the_archive(history: psycopg.AsyncConnection[Any]) -> None:
    for status in ("queued", "processing"):
        plan = await plan_of(history, f"SELECT j.id FROM stored_jobs AS j WHERE j.status = '{status}'")
        assert "archived_jobs" not in plan


async def plan_of(history: psycopg.AsyncConnection[Any], query: str, *, mode: str = "force_custom_plan") -> str:
    """Return the plan of a statement: for realistic parameters, or the generic one."""
    await history.execute(f"SET plan_cache_mode = {mode}")
    cursor = await history.execute("SELECT id::text FROM live_jobs WHERE status = 'processing' LIMIT 1")
    row = await cursor.fetchone() or (LARGEST,)
    kinds: dict[str, str] = {}
    for found in PARAMETER.finditer(query):
        kinds.setdefault(found[1], (found[2] or "text").strip())
    places = {name: f"${place}" for place, name in enumerate(kinds, 1)}
    text = PARAMETER.sub(lambda found: places[found[1]] + (f"::{found[2]}" if found[2] else ""), query)
    text = text.replace("%%", "%")
    values = ", ".join(value_of(parameter, kind, row[0]) for parameter, kind in kinds.items())
    declared = ", ".join(kinds.values())
    await history.execute(f"PREPARE examined{f' ({declared})' if declared else ''} AS {text}")
    try:
        cursor = await history.execute(f"EXPLAIN EXECUTE examined{f' ({values})' if values else ''}")
        return "\n".join(line for (line,) in await cursor.fetchall())
    finally:
        await history.execute("DEALLOCATE examined")
