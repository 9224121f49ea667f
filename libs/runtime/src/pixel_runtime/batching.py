"""Group batching: items that queue while a batch is being sent share the next one.

There is no timer. An item is sent at once when a sender is free, so a single one never waits; load makes the batches.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from pixel_errors import Internal, PixelError, Unavailable, restore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

_log = logging.getLogger(__name__)
_RETRY_AFTER_S = 1.0

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Undecided(Enum):
    """Result of an item that must go first in the next batch."""

    AGAIN = "again"


AGAIN: Final = Undecided.AGAIN


class Apart(Enum):
    """How to repeat a batch that failed as a whole."""

    NEVER = "never"
    """Every caller gets the error."""
    HALVES = "halves"
    """Half by half, in order, until the failing item is alone."""
    SINGLY = "singly"
    """Each item by itself, concurrently: for statements that wait for a lock."""


class TooManyWaiting(Unavailable):
    """The queue is full; retry later."""

    reason = "OVERLOADED"


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Item, Answer]):
    """An item, its future, and its context (trace, request id)."""

    item: Item
    key: Hashable
    context: Context = field(default_factory=copy_context)
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    is_taken: bool = False


class Batching(Generic[Item, Answer]):
    """Sends items in batches of at most `most`, `at_once` of them concurrently, each item with its own result.

    `send` returns for each item its result, an error for its caller, or AGAIN. With a `key`, no batch has two items of
    one key, and the second waits until the first is decided. When `send` raises, the batch is repeated `apart` if
    `may_repeat` says of the error that nothing was done. A cancelled caller withdraws a queued item; with
    `waits_for_decision` it waits for the result of one being sent.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception | Undecided]]],
        *,
        most: int,
        max_waiting: int,
        at_once: int = 1,
        full: type[PixelError] = TooManyWaiting,
        key: Callable[[Item], Hashable] | None = None,
        apart: Apart = Apart.NEVER,
        may_repeat: Callable[[Exception], bool] = lambda _: True,
        waits_for_decision: bool = False,
    ) -> None:
        self._name = name
        self._send = send
        self._most = most
        self._max_waiting = max_waiting
        self._at_once = at_once
        self._full = full
        self._key = key
        self._apart = apart
        self._may_repeat = may_repeat
        self._waits_for_decision = waits_for_decision
        self._waiting: deque[_Waiting[Item, Answer]] = deque()
        self._in_flight: set[Hashable] = set()
        self._senders: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def submit(self, item: Item) -> Answer:
        """Return the result of this item or raise its error; raise the error for a full queue at once."""
        if self._is_closed:
            raise self._full("The service is stopping.", retry_after_s=_RETRY_AFTER_S)
        if len(self._waiting) >= self._max_waiting:
            raise self._full(retry_after_s=_RETRY_AFTER_S)
        waiting: _Waiting[Item, Answer] = _Waiting(item, self._key(item) if self._key else None)
        self._waiting.append(waiting)
        self._start_sender()
        try:
            return await asyncio.shield(waiting.answer)
        except asyncio.CancelledError:
            if not waiting.is_taken:
                self._waiting.remove(waiting)
            elif self._waits_for_decision:
                await asyncio.wait([waiting.answer])
            if not waiting.answer.cancel():
                waiting.answer.exception()  # retrieved, so that asyncio logs no warning
            raise

    async def close(self) -> None:
        """Send queued items, refuse new ones."""
        self._is_closed = True
        while self._senders:
            await asyncio.wait(self._senders)

    def _start_sender(self) -> None:
        if len(self._senders) < self._at_once and self._has_next():
            self._senders.add(asyncio.create_task(self._send_all(), name=f"send-{self._name}"))

    def _has_next(self) -> bool:
        return any(each.key is None or each.key not in self._in_flight for each in self._waiting)

    async def _send_all(self) -> None:
        try:
            while batch := self._take():
                # In the context of its first item: the batch continues its trace and carries its caller.
                sending = asyncio.create_task(self._decide(batch), context=batch[0].context)
                try:
                    await sending
                finally:
                    self._in_flight.difference_update(waiting.key for waiting in batch)
        finally:
            # In the same step that found an empty queue: later items must not rely on this sender.
            self._senders.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _take(self) -> list[_Waiting[Item, Answer]]:
        """Take items from the front, each key once."""
        batch: list[_Waiting[Item, Answer]] = []
        later: list[_Waiting[Item, Answer]] = []
        while self._waiting and len(batch) < self._most:
            waiting = self._waiting.popleft()
            if waiting.key is not None and waiting.key in self._in_flight:
                later.append(waiting)
                continue
            if waiting.key is not None:
                self._in_flight.add(waiting.key)
            waiting.is_taken = True
            batch.append(waiting)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _decide(self, batch: Sequence[_Waiting[Item, Answer]]) -> None:
        try:
            results = list(zip(batch, await self._send([waiting.item for waiting in batch]), strict=True))
        except Exception as error:  # noqa: BLE001 - every waiting caller gets the error
            if not isinstance(error, PixelError):
                _log.exception("batch_broke", extra={"batching": self._name, "items": len(batch)})
            await self._try_apart(batch, error)
            return
        again = []
        for waiting, answer in results:
            if answer is AGAIN:
                again.append(waiting)
            else:
                _answer(waiting.answer, answer)
        for waiting in reversed(again):
            waiting.is_taken = False
            if not waiting.answer.done():
                self._waiting.appendleft(waiting)

    async def _try_apart(self, batch: Sequence[_Waiting[Item, Answer]], error: Exception) -> None:
        if len(batch) == 1 or self._apart is Apart.NEVER or not self._may_repeat(error):
            for waiting in batch:
                _answer(waiting.answer, error)
        elif self._apart is Apart.SINGLY:
            await asyncio.gather(*(self._decide([waiting]) for waiting in batch))
        else:
            middle = len(batch) // 2
            await self._decide(batch[:middle])
            await self._decide(batch[middle:])


def _answer(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    """Set the result of one caller, unless it was cancelled."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(_own(answer))
    else:
        future.set_result(answer)


def _own(error: Exception) -> PixelError:
    """Return a copy for one caller: an object raised in many tasks would collect the frames and notes of all."""
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
