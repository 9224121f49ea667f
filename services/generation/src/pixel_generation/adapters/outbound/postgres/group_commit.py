"""Changes that wait at the same time share one statement and one commit."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pixel_errors import DeadlineExceeded, PixelError, Unavailable, restore
from pixel_postgres import Pool, fetch_all
from psycopg.types.json import Jsonb

from pixel_generation.adapters.metrics import CHANGES_IN_STATEMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from pixel_postgres import Query
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    Change = Mapping[str, Any]

log = logging.getLogger(__name__)

MOST = 64
"""Changes in one statement; the locks of all are held until it commits."""
AT_ONCE = 2
"""Statements at once: one that waits for a lock does not hold up everybody."""
HAD_NO_EFFECT = frozenset({"LOCKED", "TRANSACTION_COLLIDED"})


@dataclass(slots=True, eq=False)
class _Waiting:
    job_id: UUID
    change: Change
    written: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    is_taken: bool = False


class GroupCommit:
    """Collects changes while earlier ones are written; there is no timer, so a lone change never waits."""

    def __init__(self, pool: Pool, query: Query) -> None:
        self._pool = pool
        self._query = query
        self._waiting: deque[_Waiting] = deque()
        self._in_flight: set[UUID] = set()
        self._flushes: set[asyncio.Task[None]] = set()

    async def write(self, job_id: UUID, change: Change) -> bool:
        """Return whether the job was still as the change expects; then the change is durable.

        A cancelled caller takes back a change that still waits, and otherwise leaves when it is decided.
        """
        waiting = _Waiting(job_id, change)
        self._waiting.append(waiting)
        self._flush_more()
        try:
            return await asyncio.shield(waiting.written)
        except asyncio.CancelledError:
            if waiting.is_taken:
                await asyncio.wait([waiting.written])
            else:
                self._waiting.remove(waiting)
            if not waiting.written.cancel():
                waiting.written.exception()  # looked at, so that nobody warns of it
            raise

    def _flush_more(self) -> None:
        while len(self._flushes) < AT_ONCE and any(each.job_id not in self._in_flight for each in self._waiting):
            flush = asyncio.create_task(self._flush_all(), name=f"flush-{self._query.name}")
            self._flushes.add(flush)

    async def _flush_all(self) -> None:
        try:
            while batch := self._take():
                try:
                    await self._flush(batch)
                finally:
                    self._in_flight.difference_update(waiting.job_id for waiting in batch)
        finally:
            # In the step that found nothing to take: what comes after it must not count on this flush.
            self._flushes.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _take(self) -> list[_Waiting]:
        """Take from the front, each job once: its next change waits until the last is decided."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        while self._waiting and len(batch) < MOST:
            waiting = self._waiting.popleft()
            if waiting.job_id in self._in_flight:
                later.append(waiting)
                continue
            self._in_flight.add(waiting.job_id)
            waiting.is_taken = True
            batch.append(waiting)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _flush(self, batch: Sequence[_Waiting]) -> None:
        """Write a batch; when it had no effect, write each change by itself, so that only the one at fault fails."""
        try:
            async with self._pool.autocommit() as conn:
                written = await write_changes(conn, self._query, [waiting.change for waiting in batch])
        except PixelError as error:
            outcome_is_open = isinstance(error, Unavailable | DeadlineExceeded) and error.code not in HAD_NO_EFFECT
            await self._refuse(batch, error, at_once=outcome_is_open)
            return
        except Exception as error:
            log.exception("job_changes_broke", extra={"statement": self._query.name, "changes": len(batch)})
            await self._refuse(batch, error, at_once=False)
            return
        CHANGES_IN_STATEMENT.labels(self._query.name).observe(len(batch))
        for waiting in batch:
            if not waiting.written.done():
                waiting.written.set_result(waiting.job_id in written)

    async def _refuse(self, batch: Sequence[_Waiting], error: Exception, *, at_once: bool) -> None:
        if len(batch) > 1 and not at_once:
            await asyncio.gather(*(self._flush([waiting]) for waiting in batch))
            return
        for waiting in batch:
            if not waiting.written.done():
                waiting.written.set_exception(_copied(error))


async def write_changes(conn: AsyncConnection[DictRow], query: Query, changes: Sequence[Change]) -> set[UUID]:
    """Write changes of different jobs by one statement; return the jobs that were still as their change expects."""
    numbered = [{**change, "place": place} for place, change in enumerate(changes)]
    return {row["id"] for row in await fetch_all(conn, query, {"changes": Jsonb(numbered)})}


def _copied(error: Exception) -> Exception:
    """Give every caller an error of its own: one object raised in many tasks would collect all their frames."""
    if not isinstance(error, PixelError):
        return error
    return restore(error.kind, error.code, error.detail, metadata=error.metadata, retry_after_s=error.retry_after_s)
