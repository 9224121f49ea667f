"""An overview for operators: what is queued and running, and what ended or failed lately."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_gateway.domain.operations import FailureFilter

if TYPE_CHECKING:
    from pixel_gateway.application.operations.ports import FailedGenerations, QueueOperations, Records
    from pixel_gateway.application.ports import Clock
    from pixel_gateway.domain.operations import Action, FailurePage, QueueStatus, Stats

_MONITORED = timedelta(days=1)
_LATEST_ACTIONS = 20
_LATEST_FAILURES = 20


@dataclass(frozen=True)
class Monitored:
    """An overview for operators."""

    queue: QueueStatus
    stats: Stats
    failures: FailurePage
    actions: list[Action]


async def monitor(*, queue: QueueOperations, records: Records, failures: FailedGenerations, clock: Clock) -> Monitored:
    """Return queued and running jobs now, and generations that ended or failed since yesterday."""
    since = clock.now() - _MONITORED
    async with asyncio.TaskGroup() as group:
        status = group.create_task(queue.status())
        stats = group.create_task(records.stats("", since, None))
        failed = group.create_task(failures.page(FailureFilter(from_time=since), limit=_LATEST_FAILURES, cursor=""))
        actions = group.create_task(records.actions(limit=_LATEST_ACTIONS))
    return Monitored(status.result(), stats.result(), failed.result(), actions.result()[0])
