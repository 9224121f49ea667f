"""The outbox relay: moves committed events to the bus, in order, at least once.

It reads only below the snapshot horizon: once every transaction with a smaller id has ended, no earlier event can
appear. One relay of a schema is the leader. The session that holds the leader's lock also reads and deletes, so a
leader that lost the lock cannot continue. No transaction is open while it publishes.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pixel_errors import Invalid, PixelError
from pixel_errors.backoff import backoff_s
from pixel_postgres import execute, fetch_all, fetch_one, leading
from pixel_runtime import Loop, pause
from pixel_telemetry import get_logger

from pixel_events.dead_letters import dead_letter
from pixel_events.event import Event
from pixel_events.inbox import forget_old_events
from pixel_events.metrics import LAG_SECONDS, OUTBOX_DEAD_LETTERED, REFUSED, RELAYED
from pixel_events.outbox import OUTBOX
from pixel_events.outbox_mark import OutboxMark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_postgres import Pool
    from psycopg import AsyncConnection

    from pixel_events.bus import Bus

BATCH = 500
POLL_S = 1.0
FIRST_LOOK_S = 0.002
LAST_LOOK_S = 0.25
"""Rows hidden by an open transaction are read again after 2 ms, doubled each time up to this."""

MARK_EVERY_S = 1.0

MAX_SKIPPED = 1_000
"""Rows skipped because no topic accepts them; beyond this number the oldest are tried again."""

FORGET_EVERY_S = 3600.0
NO_HEADERS = "{}"

log = get_logger(__name__)

Rows = list[dict[str, Any]]


class OutboxRelay:
    """A part that relays the outbox of the pool's schema; any number may run, one leads."""

    def __init__(self, pool: Pool, bus: Bus, *, source: str) -> None:
        self.name = f"outbox-relay {source}"
        self._pool = pool
        self._bus = bus
        self._source = source
        self._schema = pool.schema
        self._relayed = RELAYED.labels(pool.schema)
        self._dead_lettered = OUTBOX_DEAD_LETTERED.labels(pool.schema)
        self._refused = REFUSED.labels(pool.schema)
        self._lag = LAG_SECONDS.labels(pool.schema)
        self._skipped: deque[int] = deque(maxlen=MAX_SKIPPED)
        self._mark = OutboxMark()
        self._marked_at = self._forgot_at = float("-inf")
        self._loop = Loop(self.name, self._run)

    async def start(self) -> None:
        """Start to relay, or to wait for leadership."""
        await self._loop.start()

    async def stop(self) -> None:
        """Finish the current batch and release leadership."""
        await self._loop.stop()

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with self._pool.autocommit() as conn, leading(conn, "pixel_events.relay") as leads:
                    if leads:
                        await self._lead(conn, stop)
            except PixelError as error:
                log.warning("relay_interrupted", schema=self._schema, reason=error.code)
            await pause(stop, POLL_S)

    async def _lead(self, conn: AsyncConnection[Any], stop: asyncio.Event) -> None:
        log.info("relay_leads", schema=self._schema)
        self._skipped.clear()
        self._mark = OutboxMark()
        async for _ in self._pool.listen(f"{self._schema}_outbox", stop, POLL_S):
            empty_looks = 0
            while not stop.is_set():
                empty_looks = 1 if await self._look(conn, stop) else empty_looks + 1
                if not await self._has_rows(conn):
                    break
                await pause(stop, backoff_s(empty_looks, first_s=FIRST_LOOK_S, longest_s=LAST_LOOK_S))
            await self._forget_old_events(conn)

    async def _look(self, conn: AsyncConnection[Any], stop: asyncio.Event) -> int:
        """Relay all visible rows; return how many. The mark does not advance past skipped rows."""
        now = asyncio.get_running_loop().time()
        if self._skipped or now - self._marked_at < MARK_EVERY_S:
            return await self._drain(conn, stop)
        self._marked_at = now
        horizon = await fetch_one(conn, OUTBOX["find_outbox_horizon"])
        assert horizon is not None
        self._mark.look(**horizon)
        relayed = await self._drain(conn, stop)
        if not stop.is_set() and not self._skipped:
            self._mark.drained()
        return relayed

    async def _drain(self, conn: AsyncConnection[Any], stop: asyncio.Event) -> int:
        """Relay batches until one is short; return how many events were relayed."""
        total = 0
        relayed: list[int] = []
        rows = await self._read(conn, [])
        while rows:
            ids = [row["id"] for row in rows]
            # While this batch is published, the previous one is deleted and the next one read.
            goes_on = len(rows) == BATCH and not stop.is_set()
            turning = asyncio.create_task(self._turn(conn, relayed, ids if goes_on else None))
            try:
                refused = await self._publish(rows)
            finally:
                following = await turning
            self._skipped.extend(refused)
            relayed = [row for row in ids if row not in refused]
            total += len(relayed)
            self._mark.relayed(ids[-1])
            self._lag.set((datetime.now(UTC) - rows[0]["created_at"]).total_seconds())
            # A batch of refused rows only: wait for the next turn.
            rows = following if relayed else []
        await self._turn(conn, relayed, None)
        return total

    async def _turn(self, conn: AsyncConnection[Any], relayed: Sequence[int], under_way: Sequence[int] | None) -> Rows:
        """Delete published rows; then read past the rows in progress, unless that is None."""
        if relayed:
            await execute(conn, OUTBOX["delete_outbox"], {"ids": relayed})
        return [] if under_way is None else await self._read(conn, under_way)

    async def _publish(self, rows: Rows) -> set[int]:
        """Publish a batch; return the ids of rows that neither their topic nor its dead letters can ever accept."""
        events = [self._event(row) for row in rows]
        try:
            await self._bus.publish(events)
        except Invalid:
            return await self._publish_one_by_one(rows, events)
        self._relayed.inc(len(events))
        return set()

    async def _publish_one_by_one(self, rows: Rows, events: Sequence[Event]) -> set[int]:
        refused = set()
        for row, event in zip(rows, events, strict=True):
            try:
                await self._bus.publish([event])
            except Invalid as error:
                facts = {"schema": self._schema, "outbox_id": row["id"], "topic": event.topic, "reason": error.code}
                # Only the kind is logged: a traceback could contain the event.
                if await self._dead_letter(event, error):
                    self._dead_lettered.inc()
                    log.error("outbox_event_dead_lettered", **facts)  # noqa: TRY400 - see above
                else:
                    self._refused.inc()
                    log.error("outbox_event_refused", **facts)  # noqa: TRY400 - see above
                    refused.add(row["id"])
            else:
                self._relayed.inc()
        return refused

    async def _dead_letter(self, event: Event, error: Invalid) -> bool:
        """Publish to the dead letters of the event's topic; False when they cannot accept it either."""
        try:
            await self._bus.publish([dead_letter(event, error, attempts=1, consumer=self.name)])
        except Invalid:
            return False
        return True

    def _event(self, row: dict[str, Any]) -> Event:
        return Event(
            topic=row["topic"],
            key=row["key"],
            type=row["type"],
            value=row["value"],
            id=row["event_id"],
            source=self._source,
            time=row["created_at"],
            headers=json.loads(row["headers"]) if row["headers"] != NO_HEADERS else {},
        )

    async def _read(self, conn: AsyncConnection[Any], under_way: Sequence[int]) -> Rows:
        skipped = [*self._skipped, *under_way]
        return await fetch_all(
            conn, OUTBOX["read_outbox"], {"after": self._mark.after, "skipped": skipped, "limit": BATCH}
        )

    async def _has_rows(self, conn: AsyncConnection[Any]) -> bool:
        parameters = {"after": self._mark.after, "skipped": list(self._skipped)}
        row = await fetch_one(conn, OUTBOX["outbox_has_rows"], parameters)
        return row is not None and row["waiting"]

    async def _forget_old_events(self, conn: AsyncConnection[Any]) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._forgot_at >= FORGET_EVERY_S:
            self._forgot_at = now
            await forget_old_events(conn)
