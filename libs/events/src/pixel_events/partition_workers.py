"""A worker for each partition of a consumer, each with its own queue, and one committer for all."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_events.bus import BusConsumer
    from pixel_events.event import Event

RECEIVE_S = 1.0


class PartitionWorkers:
    """Receives events while fewer than `max_in_flight` are in progress, and commits what was handled.

    `handle` returns False when it stopped because `ending` was set.
    """

    def __init__(
        self,
        reader: BusConsumer,
        handle: Callable[[Event, asyncio.Event], Awaitable[bool]],
        *,
        max_in_flight: int,
        workers_at_once: int,
    ) -> None:
        self._reader = reader
        self._handle = handle
        self._ending = asyncio.Event()
        self._free = max_in_flight
        self._freed = asyncio.Event()
        self._at_once = asyncio.Semaphore(workers_at_once)
        self._waiting: dict[tuple[str, int], deque[Event]] = defaultdict(deque)
        self._workers: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._done: dict[tuple[str, int], Event] = {}
        self._committing: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def fill(self) -> None:
        """Wait for capacity, then for events, and start their workers. Raises the error of a worker or a commit."""
        while self._free <= 0 and self._failure is None:
            self._freed.clear()
            await self._freed.wait()
        if self._failure is not None:
            raise self._failure
        for event in await self._reader.receive(self._free, RECEIVE_S):
            place = (event.topic, event.partition)
            self._free -= 1
            self._waiting[place].append(event)
            if place not in self._workers:
                self._workers[place] = asyncio.create_task(self._work(place))

    async def finish(self) -> None:
        """Finish the events in progress and commit them; queued events are read again by the next consumer."""
        self._ending.set()
        tasks = {*self._workers.values(), *([self._committing] if self._committing is not None else [])}
        if tasks:
            try:
                await asyncio.wait(tasks)
            except asyncio.CancelledError:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                raise
        with contextlib.suppress(Unavailable, DeadlineExceeded):  # they are delivered again, and the inbox skips them
            await self._commit()

    async def _work(self, place: tuple[str, int]) -> None:
        waiting = self._waiting[place]
        try:
            while waiting and not self._ending.is_set():
                async with self._at_once:
                    event = waiting.popleft()
                    is_done = await self._handle(event, self._ending)
                self._free += 1
                self._freed.set()
                if is_done:
                    self._done[place] = event
                    if self._committing is None:
                        self._committing = asyncio.create_task(self._commit_all())
        except Exception as error:  # noqa: BLE001 - raised by `fill`; continuing would skip the event
            self._fail(error)
        finally:
            del self._workers[place]

    async def _commit_all(self) -> None:
        try:
            while self._done:
                await self._commit()
        except Exception as error:  # noqa: BLE001 - raised by `fill`
            self._fail(error)
        finally:
            self._committing = None

    async def _commit(self) -> None:
        done, self._done = self._done, {}
        if done:
            await self._reader.commit(list(done.values()))

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._ending.set()
        self._freed.set()
