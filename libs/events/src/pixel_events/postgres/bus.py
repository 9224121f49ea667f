"""The bus port on a PostgreSQL database."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from zlib import crc32

import psycopg
from pixel_errors import Invalid, PixelError, Unavailable
from pixel_postgres import execute, fetch_all, fetch_one, open_pool
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from pixel_events.bus import BusHealth
from pixel_events.event import require_fit, topic_named
from pixel_events.postgres.consumer import PostgresConsumer
from pixel_events.postgres.coordinator import LOG, Coordinator
from pixel_events.topics import CATALOGUE, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pixel_postgres import Pool

    from pixel_events.event import Event

SCHEMA = "bus"
MAX_CONNECTIONS = 6
SWEEP_BATCH = 500


class PostgresBus:
    """Stores records in schema `bus` of the database at `url`. Opens its few connections on first use."""

    def __init__(self, url: str, *, catalogue: Mapping[str, Topic] = CATALOGUE) -> None:
        self._url = url
        self._catalogue = catalogue
        self._opening = asyncio.Lock()
        self._resources = contextlib.AsyncExitStack()
        self._opened: tuple[Pool, Coordinator] | None = None
        self._closed = False

    async def publish(self, events: Sequence[Event]) -> None:
        if not events:
            return
        columns = self._columns(events)
        pool, _ = await self._open()
        try:
            async with pool.autocommit() as conn:
                row = await fetch_one(conn, LOG["append_records"], columns)
        except (psycopg.DataError, UnicodeEncodeError) as error:
            raise Invalid("the record holds text that cannot be stored") from error
        if row is None or row["stored"] != len(events):
            raise Unavailable("a topic was not created yet", reason="TOPIC_MISSING")

    def consumer(self, group: str, topics: Sequence[str]) -> PostgresConsumer:
        return PostgresConsumer(self._open, group, [topic_named(name, self._catalogue).name for name in topics])

    def follower(self, topics: Sequence[str]) -> PostgresConsumer:
        return self.consumer("", topics)

    async def ensure_topics(self) -> list[str]:
        pool, _ = await self._open()
        names = list(self._catalogue)
        counts = [topic.partitions for topic in self._catalogue.values()]
        async with pool.transaction() as conn:
            rows = await fetch_all(conn, LOG["insert_partitions"], {"topics": names, "partitions": counts})
        created = {row["topic"] for row in rows}
        return [name for name in names if name in created]

    async def health(self) -> BusHealth:
        brokers = (_address(self._url),)
        try:
            pool, _ = await self._open()
            async with pool.autocommit() as conn:
                known = {row["topic"] for row in await fetch_all(conn, LOG["read_topics"])}
        except PixelError as error:
            return BusHealth(reachable=False, brokers=brokers, missing=tuple(self._catalogue), error=error.detail)
        except psycopg.errors.UndefinedTable:
            return BusHealth(
                reachable=True, brokers=brokers, missing=tuple(self._catalogue), error="schema bus is not migrated"
            )
        present = tuple(name for name in self._catalogue if name in known)
        missing = tuple(name for name in self._catalogue if name not in known)
        return BusHealth(reachable=True, brokers=brokers, present=present, missing=missing)

    async def close(self) -> None:
        self._closed = True
        async with self._opening:
            self._opened = None
            await self._resources.aclose()

    async def sweep(self) -> int:
        """Delete records older than their topic's retention; return how many."""
        pool, _ = await self._open()
        total = 0
        async with pool.autocommit() as conn:
            for topic in self._catalogue.values():
                limits = {
                    "topic": topic.name,
                    "retention_s": topic.retention_ms / 1000,
                    "per_partition": SWEEP_BATCH,
                }
                while (deleted := await execute(conn, LOG["delete_expired"], limits)) > 0:
                    total += deleted
        return total

    async def _open(self) -> tuple[Pool, Coordinator]:
        if self._opened is None:
            async with self._opening:
                if self._closed:
                    raise Unavailable("the bus is closed", reason="BUS_CLOSED")
                if self._opened is None:
                    pool = await self._resources.enter_async_context(
                        open_pool(self._url, schema=SCHEMA, application="pixel-bus", max_size=MAX_CONNECTIONS)
                    )
                    coordinator = Coordinator(pool)
                    self._resources.push_async_callback(coordinator.close)
                    self._opened = pool, coordinator
        return self._opened

    def _columns(self, events: Sequence[Event]) -> dict[str, list[Any]]:
        for event in events:
            topic = topic_named(event.topic, self._catalogue)
            require_fit(topic, key=event.key, value=event.value, headers=event.headers)
        return {
            "topics": [event.topic for event in events],
            "partitions": [_partition(event.key, self._catalogue[event.topic].partitions) for event in events],
            "keys": [event.key for event in events],
            "types": [event.type for event in events],
            "values": [event.value for event in events],
            "event_ids": [event.id for event in events],
            "sources": [event.source for event in events],
            "event_times": [event.time for event in events],
            "headers": [Jsonb(dict(event.headers)) for event in events],
        }


def _partition(key: str, partitions: int) -> int:
    """Return a key's partition, the same in every process."""
    return crc32(key.encode("utf-8", "surrogateescape")) % partitions


def _address(url: str) -> str:
    """Return host and port of the database, without credentials."""
    facts = conninfo_to_dict(url)
    return f"{facts.get('host', 'localhost')}:{facts.get('port', '5432')}"
