"""Live progress: the bus feeds groups of watchers in this process, the store fills every gap.

A watcher first gets a snapshot, or, when it resumes, the missed events; then each stored event once and in order. It
never waits for another watcher: a slow one reads again from the store. Without events from the bus the hub polls the
store, so progress continues without it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded, PixelError, Unavailable
from pixel_errors.backoff import backoff_s

from pixel_gateway.application.live.signal import Signal
from pixel_gateway.domain.generation import Status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from pixel_gateway.application.generations.completion import Completion
    from pixel_gateway.application.generations.ports import Generations
    from pixel_gateway.domain.generation import Generation, Progress

_BUFFERED_EVENTS = 64
_FIRST_LOOK_S = 1.0
_LONGEST_LOOK_S = 4.0
_TICK_S = 0.25
_CONCURRENT_LOOKS = 16
_RETRY_S = 0.5


class UpdateKind(StrEnum):
    """The kind of an update."""

    SNAPSHOT = "snapshot"
    RESYNC = "resync"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Update:
    """One message for a watcher. Only events are stored: a client can resume from their sequence."""

    kind: UpdateKind
    progress: Progress


class _Watcher:
    """The buffer of one client; an idle client gets the next event at once."""

    __slots__ = ("_buffer", "_is_behind", "_sink", "last", "signal")

    def __init__(self, sink: Callable[[Update], bool] | None) -> None:
        self._sink = sink
        self.last = 0
        self.signal = Signal()
        self._is_behind = False
        self._buffer: list[Progress] = []

    def offer(self, event: Progress, update: Update) -> None:
        if event.sequence <= self.last or self._is_behind:
            return
        is_next = self.signal.is_awaited and event.sequence == self.last + 1 and not event.status.is_final
        # Thousands may watch one generation: an event is sent here without waking their tasks.
        if is_next and self._sink is not None and self._sink(update):
            self.last = event.sequence
            return
        if len(self._buffer) >= _BUFFERED_EVENTS:
            self.fall_behind()
            return
        self._buffer.append(event)
        self.signal.set()

    def fall_behind(self) -> None:
        """Clear the buffer; the store is read next."""
        self._buffer.clear()
        self._is_behind = True
        self.signal.set()

    def take(self) -> list[Progress] | None:
        """Return the buffered events in order, or None when the store must fill a gap."""
        events, self._buffer = self._buffer, []
        if len(events) > 1:
            events = sorted({each.sequence: each for each in events}.values(), key=lambda each: each.sequence)
        events = [event for event in events if event.sequence > self.last]
        is_whole = not events or events[-1].sequence == self.last + len(events)
        if self._is_behind or not is_whole:
            self._is_behind = False
            return None
        return events


@dataclass(eq=False)
class _Group:
    """The watchers of one generation and the time of their next poll of the store."""

    user_id: str = ""
    newest: int = 0
    watchers: set[_Watcher] = field(default_factory=set)
    quiet_looks: int = 0
    """Polls in a row that found nothing."""
    look_at: float = 0.0
    is_ended: bool = False

    def look_later(self) -> None:
        """Set the time of the next poll: the longer nothing is found, the later."""
        pause_s = backoff_s(self.quiet_looks + 1, first_s=_FIRST_LOOK_S, longest_s=_LONGEST_LOOK_S)
        self.look_at = asyncio.get_running_loop().time() + pause_s


class Hub:
    """All watchers of this process."""

    def __init__(self, *, generations: Generations, completion: Completion) -> None:
        self._generations = generations
        self._completion = completion
        self._groups: dict[str, _Group] = {}
        self._closing = asyncio.Event()

    @property
    def watcher_count(self) -> int:
        """Number of open streams."""
        return sum(len(group.watchers) for group in self._groups.values())

    @property
    def group_count(self) -> int:
        """Number of watched generations."""
        return len(self._groups)

    @property
    def is_closing(self) -> bool:
        """Whether the streams end because the process stops."""
        return self._closing.is_set()

    def close(self) -> None:
        """End every stream at its next step; clients resume elsewhere."""
        self._closing.set()
        for group in self._groups.values():
            for watcher in group.watchers:
                watcher.signal.set()

    def publish(self, event: Progress) -> None:
        """Pass an event to the watchers of its generation; never waits."""
        group = self._groups.get(event.generation_id)
        if group is None:
            return
        if event.sequence > group.newest:
            group.newest = event.sequence
            group.quiet_looks = 0
            group.is_ended = event.status.is_final
        group.look_later()
        update = Update(UpdateKind.EVENT, event)
        for watcher in group.watchers:
            watcher.offer(event, update)

    async def watch(
        self,
        user_id: str,
        generation_id: str,
        after: int | None = None,
        *,
        sink: Callable[[Update], bool] | None = None,
    ) -> AsyncGenerator[Update, None]:
        """Yield updates until the newest round ends or the hub closes; raise NotFound before the first.

        `after` is the sequence of the last event the client saw. A `sink` is offered events while the iterator is
        awaited; events that it accepts at once are not yielded.
        """
        with self._joined(generation_id, sink) as (group, watcher):
            generation = await self._generations.get(user_id, generation_id)
            group.user_id = generation.user_id
            if generation.sequence > group.newest:
                group.newest, group.is_ended = generation.sequence, generation.status.is_final
            async with aclosing(self._opening(generation, watcher, after)) as opening:
                async for update in opening:
                    yield update
                    if update.progress.status.is_final:
                        return
            while not self._closing.is_set():
                for event in await self._next_events(user_id, generation_id, watcher):
                    if event.status is Status.COMPLETED and not await self._completion.comes(event, self._closing):
                        return
                    watcher.last = event.sequence
                    yield Update(UpdateKind.EVENT, event)
                    # An end followed by a retry is history, not the end of the stream.
                    if event.status.is_final and event.sequence >= group.newest:
                        return

    async def look(self, stop: asyncio.Event) -> None:
        """Poll the store for groups without events from the bus, until stopped."""
        gate = asyncio.Semaphore(_CONCURRENT_LOOKS)
        while not stop.is_set():
            now = asyncio.get_running_loop().time()
            due = [item for item in self._groups.items() if item[1].user_id and item[1].look_at <= now]
            await asyncio.gather(*(self._look_into(gate, generation_id, group) for generation_id, group in due))
            try:
                async with asyncio.timeout(_TICK_S):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _opening(
        self, generation: Generation, watcher: _Watcher, after: int | None
    ) -> AsyncGenerator[Update, None]:
        """Yield the current state of a client: a snapshot, or the missed events."""
        shown = await self._completion.shown(generation)
        if after is None or after >= shown.sequence or after < 0:
            is_known = after is None or after == shown.sequence
            watcher.last = shown.sequence
            yield Update(UpdateKind.SNAPSHOT if is_known else UpdateKind.RESYNC, shown.as_progress())
            # After a withheld snapshot the completing event follows; the store has it.
            if shown.sequence != generation.sequence:
                watcher.fall_behind()
            return
        watcher.last = after
        watcher.fall_behind()

    async def _next_events(self, user_id: str, generation_id: str, watcher: _Watcher) -> list[Progress]:
        await watcher.signal.wait()
        events = watcher.take()
        if events is not None:
            return events
        try:
            return await self._generations.events(user_id, generation_id, watcher.last)
        except (Unavailable, DeadlineExceeded):
            # The stream stays open during an outage of the store: its client gets heartbeats until the store answers.
            await asyncio.sleep(_RETRY_S)
            watcher.fall_behind()
            return []

    async def _look_into(self, gate: asyncio.Semaphore, generation_id: str, group: _Group) -> None:
        async with gate:
            newest = group.newest
            try:
                events = [] if group.is_ended else await self._generations.events(group.user_id, generation_id, newest)
            except PixelError:
                # The bus may still deliver; the next poll comes later.
                events = []
            for event in events:
                self.publish(event)
            if group.newest == newest:
                group.quiet_looks += 1
            group.look_later()

    @contextmanager
    def _joined(self, generation_id: str, sink: Callable[[Update], bool] | None) -> Iterator[tuple[_Group, _Watcher]]:
        group = self._groups.setdefault(generation_id, _Group())
        watcher = _Watcher(sink)
        group.watchers.add(watcher)
        try:
            yield group, watcher
        finally:
            group.watchers.discard(watcher)
            if not group.watchers:
                self._groups.pop(generation_id, None)
