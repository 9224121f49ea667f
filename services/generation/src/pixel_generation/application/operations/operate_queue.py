"""Operations on queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation
from pixel_limits.generation import UPDATE_QUEUE_REQUEST_REASON_MAX_LEN as MAX_REASON_CHARS

from pixel_generation.domain.errors import QueueNotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_generation.application.operations.ports import QueueChange, Queues
    from pixel_generation.domain.queueing.queues import QueueStatus

MAX_QUEUE_QUEUED = 10_000_000


@dataclass(frozen=True, slots=True)
class Processed:
    """The result of processing the queue once."""

    signalled_queues: int
    swept_jobs: int


async def process_queue(
    *, signal_queues: Callable[[], Awaitable[int]], sweep: Callable[[], Awaitable[int]]
) -> Processed:
    """Signal the workers of every queue with queued jobs and sweep once; return the counts of both."""
    signalled = await signal_queues()
    return Processed(signalled, await sweep())


async def update_queue(change: QueueChange, *, queues: Queues) -> QueueStatus:
    """Set state and limits of a queue; raise Invalid or QueueNotFound."""
    if change.state is None and change.max_running is None and change.max_queued is None:
        raise _invalid("maxRunning", "Give a state or a limit to change.")
    if change.max_running is not None and change.max_running != -1 and not 1 <= change.max_running < 2**31:
        raise _invalid("maxRunning", "maxRunning is at least 1, or -1 for no limit.")
    if change.max_queued is not None and not 1 <= change.max_queued <= MAX_QUEUE_QUEUED:
        raise _invalid("maxQueued", f"maxQueued is 1 to {MAX_QUEUE_QUEUED}.")
    if len(change.reason) > MAX_REASON_CHARS or "\0" in change.reason:
        raise _invalid("reason", f"A reason has at most {MAX_REASON_CHARS} characters.")
    queue = await queues.update(change)
    if queue is None:
        raise QueueNotFound(metadata={"queue": change.queue})
    return queue


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
