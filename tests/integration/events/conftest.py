"""A schema with an outbox and an inbox, as each service's first migration makes them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from pixel_postgres import Pool, open_pool

from tests.parts import Database, MakeDatabase

SCHEMA = "studio_tests"
TABLES = """
CREATE SCHEMA studio_tests;
SET search_path = studio_tests;
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id uuid NOT NULL, topic text NOT NULL, key text NOT NULL, type text NOT NULL,
    value bytea NOT NULL, headers jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE inbox (consumer text NOT NULL, event_id uuid NOT NULL, received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id));
CREATE INDEX inbox_received_at ON inbox (received_at);
CREATE TABLE balances (name text PRIMARY KEY, amount integer NOT NULL);
"""


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    made = await make_database()
    async with await psycopg.AsyncConnection.connect(made.url, autocommit=True) as conn:
        await conn.execute(TABLES)
    return made


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with open_pool(database.url, schema=SCHEMA, application="tests", max_size=20) as opened:
        yield opened
