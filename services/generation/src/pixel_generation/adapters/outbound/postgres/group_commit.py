"""Concurrent changes of jobs share one statement and one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_errors import DeadlineExceeded, PixelError, Unavailable
from pixel_postgres import Pool, fetch_all
from pixel_runtime.batching import Apart, Batching
from psycopg.types.json import Jsonb

from pixel_generation.adapters.metrics import CHANGES_IN_STATEMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from pixel_postgres import Query
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    Change = Mapping[str, Any]

MOST = 64
"""Maximum changes in one statement; their locks are held until it commits."""
AT_ONCE = 2
"""Concurrent statements: one that waits for a lock does not block the others."""
MAX_WAITING = 8_192
HAD_NO_EFFECT = frozenset({"LOCKED", "TRANSACTION_COLLIDED"})


class GroupCommit:
    """Writes changes of this process in shared statements; of one job only one change at a time."""

    def __init__(self, pool: Pool, query: Query) -> None:
        self._pool = pool
        self._query = query
        self._changes: Batching[tuple[UUID, Change], bool] = Batching(
            query.name,
            self._write,
            most=MOST,
            at_once=AT_ONCE,
            max_waiting=MAX_WAITING,
            key=lambda change: change[0],
            # Each by itself, so that only the failing one fails.
            apart=Apart.SINGLY,
            may_repeat=_had_no_effect,
            waits_for_decision=True,
        )

    async def write(self, job_id: UUID, change: Change) -> bool:
        """Return whether the job was in the expected state; then the change is durable.

        A cancelled caller withdraws a queued change, and otherwise waits for the result.
        """
        return await self._changes.submit((job_id, change))

    async def close(self) -> None:
        """Write queued changes."""
        await self._changes.close()

    async def _write(self, changes: Sequence[tuple[UUID, Change]]) -> list[bool]:
        async with self._pool.autocommit() as conn:
            written = await write_changes(conn, self._query, [change for _, change in changes])
        CHANGES_IN_STATEMENT.labels(self._query.name).observe(len(changes))
        return [job_id in written for job_id, _ in changes]


async def write_changes(conn: AsyncConnection[DictRow], query: Query, changes: Sequence[Change]) -> set[UUID]:
    """Write changes of different jobs in one statement; return the jobs that were in the expected state."""
    numbered = [{**change, "place": place} for place, change in enumerate(changes)]
    return {row["id"] for row in await fetch_all(conn, query, {"changes": Jsonb(numbered)})}


def _had_no_effect(error: Exception) -> bool:
    is_open = isinstance(error, Unavailable | DeadlineExceeded)
    return not is_open or (isinstance(error, PixelError) and error.code in HAD_NO_EFFECT)
