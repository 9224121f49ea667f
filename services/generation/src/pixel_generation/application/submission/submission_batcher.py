"""Concurrent submissions share one statement: what queued while the last one ran goes together, no timer."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded, Internal, PixelError, Unavailable, restore

from pixel_generation.application.submission.ports import (
    Decision,
    NewGeneration,
    SubmissionObserver,
    Submissions,
    Verdict,
)
from pixel_generation.domain.errors import SubmissionsFull

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    item: NewGeneration
    decided: asyncio.Future[Decision]


class SubmissionBatcher:
    """A bounded queue in front of one flusher."""

    name = "submissions"

    def __init__(
        self, submissions: Submissions, observer: SubmissionObserver, *, max_batch: int = 256, max_waiting: int = 8_192
    ) -> None:
        self._submissions = submissions
        self._observer = observer
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting] = deque()
        self._filled = asyncio.Event()
        self._stopping = False
        self._flusher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._stopping = False
        self._flusher = asyncio.create_task(self._run(), name="submission-flusher")

    async def stop(self) -> None:
        """Decide what waits, take nothing new."""
        self._stopping = True
        self._filled.set()
        if self._flusher is not None:
            await self._flusher
            self._flusher = None

    async def submit(self, item: NewGeneration) -> Decision:
        """Wait for the decision; raise SubmissionsFull at once when too many wait. A cancelled caller is dropped."""
        if self._stopping or self._flusher is None:
            raise SubmissionsFull("The service is stopping.", retry_after_s=1.0)
        if len(self._waiting) >= self._max_waiting:
            raise SubmissionsFull(retry_after_s=1.0)
        waiting = _Waiting(item, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._filled.set()
        return await waiting.decided

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            if not self._waiting:
                self._filled.clear()
                await self._filled.wait()
                continue
            batch = self._take()
            if batch:
                self._observer.batch_flushed(len(batch))
                await self._flush(batch)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._max_batch:
            waiting = self._waiting.popleft()
            if not waiting.decided.done():
                batch.append(waiting)
        return batch

    async def _flush(self, batch: Sequence[_Waiting]) -> None:
        """Write a batch; one that the database refuses is halved until the item at fault stands alone."""
        try:
            decisions = await self._submissions.submit([waiting.item for waiting in batch])
            self._settle(batch, decisions)
        except (Unavailable, DeadlineExceeded) as error:
            _refuse(batch, error)
        except Exception as error:
            if len(batch) == 1:
                log.exception("submission_refused_by_store")
                _refuse(batch, error if isinstance(error, PixelError) else Internal())
                return
            middle = len(batch) // 2
            await self._flush(batch[:middle])
            await self._flush(batch[middle:])

    def _settle(self, batch: Sequence[_Waiting], decisions: Sequence[Decision]) -> None:
        again: list[_Waiting] = []
        for waiting, decision in zip(batch, decisions, strict=True):
            if decision.verdict is Verdict.AGAIN:
                again.append(waiting)
            elif not waiting.decided.done():
                waiting.decided.set_result(decision)
        self._waiting.extendleft(reversed(again))


def _refuse(batch: Sequence[_Waiting], error: PixelError) -> None:
    """Give every caller an error of its own: one object raised in many tasks would collect all their frames."""
    for waiting in batch:
        if not waiting.decided.done():
            copied = restore(
                error.kind, error.code, error.detail, metadata=error.metadata, retry_after_s=error.retry_after_s
            )
            waiting.decided.set_exception(copied)
