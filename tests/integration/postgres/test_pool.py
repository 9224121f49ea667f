from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pixel_errors import Conflict, DeadlineExceeded, FailedPrecondition, Unavailable
from pixel_postgres import Pool, Query, execute, execute_many, fetch_all, fetch_one, open_pool, queries
from pixel_postgres.metrics import SLOW_QUERIES
from pixel_telemetry import span, use_provider

SCHEMA = """
CREATE SCHEMA shelf;
CREATE TABLE shelf.jars (
    id int PRIMARY KEY,
    label text NOT NULL DEFAULT '',
    marbles int NOT NULL DEFAULT 0 CONSTRAINT never_negative CHECK (marbles >= 0),
    twin int REFERENCES shelf.jars DEFERRABLE INITIALLY DEFERRED
);
CREATE FUNCTION shelf.lose_the_connection() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER lost_at_commit AFTER INSERT ON shelf.jars DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.label = 'lost at commit') EXECUTE FUNCTION shelf.lose_the_connection();
"""


@pytest.fixture(scope="module")
async def database(make_database):
    made = await make_database()
    async with await psycopg.AsyncConnection.connect(made.url) as conn:
        await conn.execute(SCHEMA)
    return made


@pytest.fixture
async def pool(database):
    async with open_pool(database.url, schema="shelf", application="tests", max_size=4) as opened:
        async with opened.autocommit() as conn:
            await conn.execute("TRUNCATE jars")
        yield opened


async def labels(pool: Pool) -> list[str]:
    async with pool.autocommit() as conn:
        return [row["label"] for row in await fetch_all(conn, "SELECT label FROM jars ORDER BY id")]


async def run(pool: Pool, query: str, params=None) -> int:
    async with pool.transaction() as conn:
        return await execute(conn, query, params)


async def terminate(database, application: str = "tests") -> None:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as conn:
        await conn.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database() AND pid <> pg_backend_pid()",
            (application,),
        )


async def test_a_transaction_commits_at_its_end(pool):
    assert await run(pool, "INSERT INTO jars VALUES (%(id)s, %(label)s)", {"id": 1, "label": "100 % blue"}) == 1
    assert await labels(pool) == ["100 % blue"]


async def test_a_transaction_that_raises_leaves_nothing(pool):
    async def change_of_mind() -> None:
        async with pool.transaction() as conn:
            await execute(conn, "INSERT INTO jars VALUES (1)")
            raise KeyError

    with pytest.raises(KeyError):
        await change_of_mind()
    assert await labels(pool) == []


async def test_a_statement_outside_a_transaction_commits_by_itself(pool):
    async with pool.autocommit() as conn:
        await execute(conn, "INSERT INTO jars VALUES (1, 'kept')")
        with pytest.raises(Conflict):
            await execute(conn, "INSERT INTO jars VALUES (1, 'twice')")
        assert await fetch_one(conn, "SELECT label FROM jars") == {"label": "kept"}


async def test_no_rows_are_none_or_an_empty_list(pool):
    async with pool.autocommit() as conn:
        assert await fetch_one(conn, "SELECT id FROM jars") is None
        assert await fetch_all(conn, "SELECT id FROM jars") == []
        assert await execute(conn, "DELETE FROM jars") == 0


async def test_many_rows_are_written_in_one_round_trip(pool):
    async with pool.transaction() as conn:
        rows = [{"id": number, "label": f"jar {number}"} for number in range(500)]
        assert await execute_many(conn, "INSERT INTO jars (id, label) VALUES (%(id)s, %(label)s)", rows) == 500
    assert len(await labels(pool)) == 500


async def test_a_taken_key_is_a_conflict_that_names_the_constraint(pool):
    await run(pool, "INSERT INTO jars VALUES (1)")
    with pytest.raises(Conflict) as caught:
        await run(pool, "INSERT INTO jars VALUES (1)")
    assert caught.value.metadata == {"constraint": "jars_pkey"}
    assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)


async def test_a_violated_check_is_a_failed_precondition(pool):
    with pytest.raises(FailedPrecondition) as caught:
        await run(pool, "INSERT INTO jars (id, marbles) VALUES (1, -1)")
    assert caught.value.metadata == {"constraint": "never_negative"}


async def test_a_deferred_constraint_refuses_the_transaction_at_commit(pool):
    with pytest.raises(FailedPrecondition):
        await run(pool, "INSERT INTO jars (id, twin) VALUES (1, 2)")
    assert await labels(pool) == []


async def test_errors_of_statements_on_the_raw_connection_are_translated(pool):
    async def twice() -> None:
        async with pool.transaction() as conn:
            await conn.execute("INSERT INTO jars VALUES (1), (1)")

    with pytest.raises(Conflict):
        await twice()


async def test_wrong_sql_stays_the_drivers_error(pool):
    with pytest.raises(psycopg.errors.UndefinedTable):
        await run(pool, "SELECT 1 FROM cupboards")


async def test_a_statement_over_its_time_is_a_deadline(pool):
    async def slow() -> None:
        async with pool.transaction() as conn:
            await execute(conn, "SET LOCAL statement_timeout = '20ms'")
            await execute(conn, "SELECT pg_sleep(5)")

    with pytest.raises(DeadlineExceeded):
        await slow()


async def test_a_deadlock_is_unavailable_for_one_and_done_for_the_other(pool):
    await run(pool, "INSERT INTO jars VALUES (1), (2)")
    both_hold = asyncio.Barrier(2)

    async def move(first: int, second: int) -> None:
        async with pool.transaction() as conn:
            await execute(conn, "SET LOCAL deadlock_timeout = '10ms'")
            await execute(conn, "UPDATE jars SET marbles = marbles + 1 WHERE id = %s", (first,))
            await both_hold.wait()
            await execute(conn, "UPDATE jars SET marbles = marbles + 1 WHERE id = %s", (second,))

    results = await asyncio.gather(move(1, 2), move(2, 1), return_exceptions=True)
    assert [result.code for result in results if isinstance(result, Unavailable)] == ["TRANSACTION_COLLIDED"]
    assert results.count(None) == 1


async def test_a_connection_lost_before_commit_is_unavailable(pool, database):
    async def interrupted() -> None:
        async with pool.transaction() as conn:
            await execute(conn, "INSERT INTO jars VALUES (1)")
            await terminate(database)
            await execute(conn, "INSERT INTO jars VALUES (2)")

    with pytest.raises(Unavailable) as caught:
        await interrupted()
    assert caught.value.code == "DATABASE_UNREACHABLE"
    assert await labels(pool) == []


async def test_a_connection_lost_at_commit_leaves_the_outcome_open(pool):
    with pytest.raises(Unavailable) as caught:
        await run(pool, "INSERT INTO jars VALUES (1, 'lost at commit')")
    assert caught.value.code == "COMMIT_UNKNOWN"


async def test_idle_connections_closed_by_the_server_are_replaced(pool, database):
    async with pool.autocommit(), pool.autocommit(), pool.autocommit(), pool.autocommit():
        pass
    await terminate(database)
    for _ in range(5):
        assert await labels(pool) == []


async def test_a_cancelled_query_returns_a_usable_connection(pool, wait_until):
    async def wait_long() -> None:
        async with pool.transaction() as conn:
            await execute(conn, "INSERT INTO jars VALUES (1)")
            await execute(conn, "SELECT pg_sleep(60)")

    async def is_asleep() -> bool:
        asleep = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        async with pool.autocommit() as conn:
            return await fetch_one(conn, asleep) is not None

    for _ in range(8):
        task = asyncio.create_task(wait_long())
        await wait_until(is_asleep)  # a server ignores a cancellation that comes before the statement
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await labels(pool) == []
    async with pool.autocommit(), pool.autocommit(), pool.autocommit(), pool.autocommit():
        pass


async def test_waiting_too_long_for_a_connection_is_unavailable(database, monkeypatch):
    async with open_pool(database.url, schema="shelf", application="small", max_size=1) as small, small.autocommit():
        monkeypatch.setattr("pixel_postgres.pool._WAIT_FOR_CONNECTION_S", 0.05)
        with pytest.raises(Unavailable) as caught:
            await run(small, "SELECT 1")
    assert caught.value.code == "POOL_EXHAUSTED"


async def test_a_pool_opens_before_its_database_answers(free_port, monkeypatch):
    monkeypatch.setattr("pixel_postgres.pool._CHECK_WITHIN_S", 0.2)
    nowhere = f"postgresql://nobody:secret@127.0.0.1:{free_port}/none"
    async with open_pool(nowhere, schema="shelf", application="early") as early:
        with pytest.raises(Unavailable) as caught:
            await early.check()
    assert "secret" not in str(caught.value)


async def test_a_pool_whose_database_answers_is_ready(pool):
    await pool.check()


async def test_a_session_sees_its_schema_in_utc_under_time_limits(pool):
    async with pool.autocommit() as conn:
        limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        names = ("search_path", "TimeZone", *limits, "enable_seqscan")
        settings = ", ".join(f"current_setting('{name}') AS \"{name}\"" for name in names)
        row = await fetch_one(conn, f"SELECT now() AS now, {settings}")
    assert row is not None
    now = row.pop("now")
    assert list(row.values()) == ["shelf", "UTC", "30s", "5s", "15s", "off"]
    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)


async def test_a_slow_query_is_counted_by_its_name(pool, monkeypatch):
    monkeypatch.setattr(queries, "SLOW_QUERY_MS", 5.0)
    counted = SLOW_QUERIES.labels("nap")
    before = counted._value.get()
    async with pool.autocommit() as conn:
        await fetch_one(conn, Query("SELECT pg_sleep(0.02)", "nap"))
        await fetch_one(conn, Query("SELECT 1", "wide_awake"))
    assert counted._value.get() == before + 1


async def test_a_query_is_a_client_span_of_the_trace_that_records(pool):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_provider(provider)
    try:
        async with pool.autocommit() as conn:
            await fetch_one(conn, Query("SELECT 1", "outside_a_trace"))
            with span("request"):
                await fetch_one(conn, Query("SELECT 1", "count_jars"))
    finally:
        use_provider(None)
        provider.shutdown()
    assert [(each.name, each.kind.name) for each in exporter.get_finished_spans()] == [
        ("postgres count_jars", "CLIENT"),
        ("request", "INTERNAL"),
    ]
