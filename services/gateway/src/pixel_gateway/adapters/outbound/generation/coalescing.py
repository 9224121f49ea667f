"""Queued submissions share an RPC: one call costs about the same for 1 and for 256 of them.

There is no timer. A submission is sent at once when a call is free; submissions queued while all calls are running go
with the next one. Load makes the batches, and an idle gateway adds no wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Internal, PixelError, Unavailable, restore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pixel_gateway.application.generations.ports import Accepted, Submission

MAX_BATCH = 256
MAX_CALLS = 2
MAX_WAITING = 4096
_RETRY_AFTER_S = 1.0


class SubmissionsWaiting(Unavailable):
    """Too many submissions are queued; retry in a moment."""

    reason = "OVERLOADED"


@dataclass(frozen=True)
class _Waiting:
    """A submission, its future, and its context (trace, request id)."""

    submission: Submission
    answer: asyncio.Future[Accepted]
    context: Context


class Coalescer:
    """Sends submissions in batches, each with its own result."""

    def __init__(
        self,
        send_many: Callable[[Sequence[Submission]], Awaitable[Sequence[Accepted | Exception]]],
        *,
        max_batch: int = MAX_BATCH,
        max_calls: int = MAX_CALLS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._send_many = send_many
        self._max_batch = max_batch
        self._max_calls = max_calls
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting] = deque()
        self._calls: set[asyncio.Task[None]] = set()

    async def submit(self, submission: Submission) -> Accepted:
        """Return the result of this submission or raise its rejection; raise SubmissionsWaiting at the limit."""
        if len(self._waiting) >= self._max_waiting:
            raise SubmissionsWaiting(retry_after_s=_RETRY_AFTER_S)
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(submission, answer, copy_context()))
        self._start_calls()
        return await answer

    async def close(self) -> None:
        """Wait for the running calls and the queued submissions."""
        while self._calls:
            await asyncio.wait(self._calls)

    def _start_calls(self) -> None:
        while self._waiting and len(self._calls) < self._max_calls:
            batch = self._next_batch()
            if not batch:
                return
            # The call continues the trace of its first submission.
            task = asyncio.create_task(self._call(batch), name="submit many", context=batch[0].context)
            self._calls.add(task)
            task.add_done_callback(self._call_ended)

    def _call_ended(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._start_calls()

    async def _call(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = await self._send_many([item.submission for item in batch])
        except Exception as error:  # noqa: BLE001  every waiting caller gets the error
            outcomes = [error] * len(batch)
        for item, outcome in zip(batch, outcomes, strict=True):
            if item.answer.done():
                continue
            if isinstance(outcome, Exception):
                item.answer.set_exception(_own(outcome))
            else:
                item.answer.set_result(outcome)

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._max_batch:
            item = self._waiting.popleft()
            if not item.answer.done():  # otherwise its caller was cancelled before it was sent
                batch.append(item)
        return batch


def _own(error: Exception) -> PixelError:
    """Return a copy for one caller: each adds its own traceback and facts to the error."""
    known = error if isinstance(error, PixelError) else Internal()
    copy = restore(
        known.kind,
        known.code,
        known.detail,
        metadata={**known.metadata},
        violations=known.violations,
        retry_after_s=known.retry_after_s,
    )
    copy.__cause__ = error
    return copy
