"""Every named query prepares on the migrated schema and is used; the hot ones read indexes."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from pixel_postgres import load_queries

from tests.parts import MakeDatabase

SQL = Path(str(files("pixel_generation.sql")))
FILES = sorted(path.name for path in SQL.glob("*.sql"))
SOURCES = Path(str(files("pixel_generation")))


@pytest.mark.parametrize("name", FILES)
async def test_every_query_prepares_on_the_migrated_schema(name: str, make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with await psycopg.AsyncConnection.connect(database.url, options="-c search_path=generation") as conn:
        for query_name, query in load_queries("pixel_generation.sql", name).items():
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[sb]", query)))
            text = query.replace(")b", ")s") % {name: f"${place}" for place, name in enumerate(names, 1)}
            await conn.execute(f"PREPARE {query_name} AS {text}")


def test_every_query_is_used() -> None:
    code = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    unused = [
        query for name in FILES for query in load_queries("pixel_generation.sql", name) if f'"{query}"' not in code
    ]
    assert unused == []


async def test_the_claim_reads_the_queue_in_index_order(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as conn:
        await conn.execute("SET search_path = generation")
        await conn.execute(
            """
            INSERT INTO live_jobs (id, user_id, set_id, queue, work, units, priority, virtual_start, max_retries,
                scheduled_at, deadline_at, cost_credits, created_at, status, stage, ended_at, captured_credits)
            SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'sketch', '{}', 1, 1, n, 2, now(),
                now() + interval '1 day', 1, now(),
                CASE WHEN n % 10 = 0 THEN 'queued' ELSE 'completed' END,
                CASE WHEN n % 10 = 0 THEN 'waiting' ELSE 'done' END,
                CASE WHEN n % 10 = 0 THEN NULL ELSE now() END, CASE WHEN n % 10 = 0 THEN NULL ELSE 1 END
            FROM generate_series(1, 20000) AS n
            """
        )
        await conn.execute("ANALYZE live_jobs")
        query: str = load_queries("pixel_generation.sql", "jobs.sql")["claim_jobs"]
        claim = {"queue": "sketch", "kinds": ["image"], "limit": 10, "worker": "w", "lease_s": 15}
        parameters = claim | {"deadline_at": "2100-01-01Z"}
        cursor = await conn.execute("EXPLAIN " + query, parameters | {"is_locked": False})
        plan = "\n".join(row[0] for row in await cursor.fetchall())
        for place, name in enumerate((*parameters, "is_locked"), 1):
            query = query.replace(f"%({name})s", f"${place}")
        # The plan that the server caches after a few claims and keeps while the table grows.
        cursor = await conn.execute(f"EXPLAIN (GENERIC_PLAN) {query}")
        kept = "\n".join(row[0] for row in await cursor.fetchall())
    for each in (plan, kept):
        assert "Index Scan using jobs_queue" in each
        assert "Seq Scan on live_jobs" not in each
        assert "Sort" not in each.split("CTE runnable")[1].split("CTE claimed")[0]


async def test_sweeps_read_partial_indexes(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as conn:
        await conn.execute("SET search_path = generation; SET enable_seqscan = off")
        queries = load_queries("pixel_generation.sql", "duties.sql")
        for name, index in (("list_overdue_jobs", "jobs_deadline"), ("list_abandoned_jobs", "jobs_processing")):
            cursor = await conn.execute("EXPLAIN " + queries[name], {"limit": 100})
            assert index in "\n".join(row[0] for row in await cursor.fetchall())
