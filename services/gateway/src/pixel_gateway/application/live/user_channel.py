"""The user channel: every event of a user's own generations, in commit order.

The store is the only source: it gives each event a position. The bus signals when to read, and a slow poll works
without it. Listeners at the same position share one read.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded, Unavailable
from pixel_errors.backoff import backoff_s

from pixel_gateway.application.generations.ports import HistoryQuery
from pixel_gateway.application.live.hub import UpdateKind
from pixel_gateway.application.live.ports import EventPage
from pixel_gateway.application.live.signal import Signal
from pixel_gateway.domain.generation import Status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from pixel_gateway.application.generations.completion import Completion
    from pixel_gateway.application.generations.ports import Generations
    from pixel_gateway.application.live.ports import UserEvents
    from pixel_gateway.application.ports import Clock
    from pixel_gateway.domain.generation import Generation, Progress

SNAPSHOT_GENERATIONS = 1_000
"""Maximum generations in a snapshot; the rest appears by its events only."""

_PAGE = 100
_FIRST_LOOK_S, _LONGEST_LOOK_S = 1.0, 8.0
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.02, 0.5
_RETRY_S = 0.5
_HINTS_KEPT = 256
_JUST_ENDED = timedelta(minutes=5)
"""Maximum age of a completed generation whose set cannot be read yet."""


@dataclass(frozen=True)
class ChannelUpdate:
    """One message for a listener: an event, or the current state (snapshot and resync)."""

    kind: UpdateKind
    position: str
    """Position to resume from; empty means that of the previous message."""
    event: Progress | None = None
    generations: tuple[Progress, ...] = ()
    is_whole: bool = True
    """False when there are more generations than fit a snapshot."""


class _Listener:
    """One client: the events announced by the bus and not read yet."""

    __slots__ = ("_expected", "_quiet_looks", "_seen", "signal")

    def __init__(self) -> None:
        self.signal = Signal()
        self._expected: OrderedDict[str, int] = OrderedDict()
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._quiet_looks = 0

    def hint(self, event: Progress) -> None:
        """Record that an event was stored."""
        if self._seen.get(event.generation_id, 0) >= event.sequence:
            return
        _keep(self._expected, event)
        self._quiet_looks = 0
        self.signal.set()

    def has_read(self, event: Progress) -> None:
        _keep(self._seen, event)
        if self._expected.get(event.generation_id, 0) <= event.sequence:
            self._expected.pop(event.generation_id, None)

    def has_looked(self, *, found: bool) -> float:
        """Return the seconds until the next poll unless it is woken before.

        An event announced by the bus cannot be read until every earlier transaction has ended.
        """
        self._quiet_looks = 0 if found else self._quiet_looks + 1
        if self._expected:
            wait_s = backoff_s(self._quiet_looks + 1, first_s=_FIRST_RETRY_S, longest_s=2 * _LONGEST_RETRY_S)
            if wait_s < 2 * _LONGEST_RETRY_S:
                return min(wait_s, _LONGEST_RETRY_S)
            self._expected.clear()  # nothing new: it was before this listener's position
            self._quiet_looks = 0
        return backoff_s(self._quiet_looks + 1, first_s=_FIRST_LOOK_S, longest_s=_LONGEST_LOOK_S)


class UserChannels:
    """All listeners of this process."""

    def __init__(
        self, *, user_events: UserEvents, generations: Generations, completion: Completion, clock: Clock
    ) -> None:
        self._user_events = user_events
        self._generations = generations
        self._completion = completion
        self._clock = clock
        self._listeners: dict[str, set[_Listener]] = {}
        self._reads: dict[tuple[str, str], asyncio.Task[EventPage]] = {}
        self._closing = asyncio.Event()

    @property
    def listener_count(self) -> int:
        """Number of open channels."""
        return sum(map(len, self._listeners.values()))

    def close(self) -> None:
        """End every channel at its next step; clients resume elsewhere."""
        self._closing.set()
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.signal.set()

    def publish(self, event: Progress) -> None:
        """Signal the user's listeners that an event was stored; never waits."""
        for listener in self._listeners.get(event.user_id, ()):
            listener.hint(event)

    async def watch(self, user_id: str, after: str | None = None) -> AsyncGenerator[ChannelUpdate, None]:
        """Yield updates until the channels close. `after` is the last position the client saw."""
        with self._joined(user_id) as listener:
            page = await self._first_page(user_id, after)
            is_new = after is None
            known: dict[str, int] = {}
            while True:
                if is_new or page.is_resync:
                    kind = UpdateKind.SNAPSHOT if is_new else UpdateKind.RESYNC
                    is_new = False
                    async with aclosing(self._snapshot(user_id, kind, page.position)) as snapshot:
                        async for update in snapshot:
                            known.update({each.generation_id: each.sequence for each in update.generations})
                            yield update
                for positioned in page.events:
                    event = positioned.event
                    listener.has_read(event)
                    if event.sequence <= known.get(event.generation_id, 0):
                        continue  # it was in the snapshot
                    known.pop(event.generation_id, None)
                    if event.status is Status.COMPLETED and not await self._completion.comes(event, self._closing):
                        return
                    yield ChannelUpdate(UpdateKind.EVENT, positioned.position, event)
                following = await self._next_page(user_id, page, listener)
                if following is None:
                    return
                page = following

    async def _first_page(self, user_id: str, after: str | None) -> EventPage:
        if after:
            return await self._read(user_id, after)
        page = await self._read(user_id, "")
        return EventPage((), page.position, is_resync=after is not None)

    async def _next_page(self, user_id: str, page: EventPage, listener: _Listener) -> EventPage | None:
        """Wait for new events and return them; None when the channels close."""
        found = bool(page.events)
        while not self._closing.is_set():
            if not found:
                await _wait(listener.signal, listener.has_looked(found=False))
            try:
                following = await self._read(user_id, page.position)
            except (Unavailable, DeadlineExceeded):
                # The channel stays open during an outage of the store: its client gets heartbeats until it answers.
                await _wait(listener.signal, _RETRY_S)
                continue
            if following.events or following.is_resync:
                listener.has_looked(found=True)
                return following
            found = False
            page = following
        return None

    async def _snapshot(self, user_id: str, kind: UpdateKind, position: str) -> AsyncGenerator[ChannelUpdate, None]:
        """Yield the open generations, then the end of each completed one once its set can be read."""
        waiting = await self._waiting_for_sets(user_id)
        generations = await self._open_generations(user_id)
        shown = {each.id: each.as_progress() for each in (*generations, *(each.held_back() for each in waiting))}
        yield ChannelUpdate(
            kind,
            position="" if waiting else position,
            generations=tuple(shown.values()),
            is_whole=len(generations) < SNAPSHOT_GENERATIONS,
        )
        for index, generation in enumerate(waiting, 1):
            event = generation.as_progress()
            if not await self._completion.comes(event, self._closing):
                return
            yield ChannelUpdate(UpdateKind.EVENT, position if index == len(waiting) else "", event)

    async def _open_generations(self, user_id: str) -> list[Generation]:
        """Return the open generations. Changes between the reads follow as events after the position."""
        found: dict[str, Generation] = {}
        for status in (Status.PROCESSING, Status.QUEUED):
            cursor = ""
            while len(found) < SNAPSHOT_GENERATIONS:
                limit = min(_PAGE, SNAPSHOT_GENERATIONS - len(found))
                page, cursor = await self._generations.page(HistoryQuery(user_id, limit, cursor, status))
                found |= {each.id: each for each in page}
                if not cursor:
                    break
        return list(found.values())

    async def _waiting_for_sets(self, user_id: str) -> list[Generation]:
        """Return the recently completed generations whose sets cannot be read yet, oldest first."""
        page, _ = await self._generations.page(HistoryQuery(user_id, _PAGE, status=Status.COMPLETED))
        since = self._clock.now() - _JUST_ENDED
        late = [each for each in page if each.end_time is not None and each.end_time >= since]
        readable = await asyncio.gather(*(self._completion.is_readable(each.set_id, user_id) for each in late))
        return [each for each, is_readable in zip(late, readable, strict=True) if not is_readable][::-1]

    async def _read(self, user_id: str, position: str) -> EventPage:
        key = (user_id, position)
        task = self._reads.get(key)
        if task is None:
            task = self._reads[key] = asyncio.create_task(self._user_events.after(user_id, position), name="channel")
            task.add_done_callback(lambda done: self._forget_read(key, done))
        return await asyncio.shield(task)

    def _forget_read(self, key: tuple[str, str], task: asyncio.Task[EventPage]) -> None:
        del self._reads[key]
        if not task.cancelled():
            task.exception()  # all waiting listeners have read it

    @contextmanager
    def _joined(self, user_id: str) -> Iterator[_Listener]:
        listener = _Listener()
        self._listeners.setdefault(user_id, set()).add(listener)
        try:
            yield listener
        finally:
            listeners = self._listeners[user_id]
            listeners.discard(listener)
            if not listeners:
                del self._listeners[user_id]


def _keep(sequences: OrderedDict[str, int], event: Progress) -> None:
    sequences[event.generation_id] = max(event.sequence, sequences.get(event.generation_id, 0))
    sequences.move_to_end(event.generation_id)
    while len(sequences) > _HINTS_KEPT:
        sequences.popitem(last=False)


async def _wait(signal: Signal, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await signal.wait()
    except TimeoutError:
        return
