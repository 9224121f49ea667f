"""An in-memory bus: partitions are lists, groups are offsets."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

from pixel_errors import Unavailable
from pixel_events import CATALOGUE, BusHealth, Event
from pixel_events.event import require_fit, topic_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pixel_events import Topic

Place = tuple[str, int]


class FakeBus:
    """Stores published events in `records`; `down = True` makes it unreachable."""

    def __init__(self, catalogue: Mapping[str, Topic] = CATALOGUE) -> None:
        self.down = False
        self.catalogue = catalogue
        self.logs: dict[Place, list[Event]] = {}
        self.members: dict[str, list[FakeConsumer]] = defaultdict(list)
        self.committed: dict[tuple[str, Place], int] = {}
        self.published = asyncio.Event()

    def records(self, topic: str) -> list[Event]:
        """Return all events of a topic, by partition."""
        return [event for place, log in self.logs.items() if place[0] == topic for event in log]

    async def publish(self, events: Sequence[Event]) -> None:
        self.require_reachable()
        for event in events:
            topic = topic_named(event.topic, self.catalogue)
            require_fit(topic, key=event.key, value=event.value, headers=event.headers)
            if (topic.name, 0) not in self.logs:
                raise Unavailable(f"topic {topic.name} was not created")
        for event in events:
            partition = crc32(event.key.encode("utf-8", "surrogateescape")) % self.catalogue[event.topic].partitions
            log = self.logs[event.topic, partition]
            log.append(replace(event, partition=partition, offset=len(log)))
        self.wake()

    def consumer(self, group: str, topics: Sequence[str]) -> FakeConsumer:
        return FakeConsumer(self, group, [topic_named(name, self.catalogue).name for name in topics])

    def follower(self, topics: Sequence[str]) -> FakeConsumer:
        return FakeConsumer(self, "", topics)

    async def ensure_topics(self) -> list[str]:
        self.require_reachable()
        missing = [name for name in self.catalogue if (name, 0) not in self.logs]
        for name in missing:
            self.logs.update({(name, partition): [] for partition in range(self.catalogue[name].partitions)})
        return missing

    async def health(self) -> BusHealth:
        if self.down:
            return BusHealth(reachable=False, missing=tuple(self.catalogue), error="the bus is down")
        present = tuple(name for name in self.catalogue if (name, 0) in self.logs)
        missing = tuple(name for name in self.catalogue if (name, 0) not in self.logs)
        return BusHealth(reachable=True, brokers=("memory",), present=present, missing=missing)

    async def close(self) -> None:
        self.wake()

    def wake(self) -> None:
        """Wake all waiting receives."""
        waiting, self.published = self.published, asyncio.Event()
        waiting.set()

    def require_reachable(self) -> None:
        if self.down:
            raise Unavailable("the bus is down")


class FakeConsumer:
    """A member of a group, or a follower when the group is empty."""

    def __init__(self, bus: FakeBus, group: str, topics: Sequence[str]) -> None:
        self._bus = bus
        self._group = group
        self._topics = topics
        self._positions: dict[Place, int] = {}

    async def start(self) -> None:
        self._bus.require_reachable()
        for name in self._topics:
            if (name, 0) not in self._bus.logs:
                raise Unavailable(f"topic {name} was not created")
        if self._group:
            self._bus.members[self._group].append(self)
            self._share()
        else:
            self._positions = {place: len(self._bus.logs[place]) for place in self._places()}

    async def receive(self, max_events: int, timeout_s: float) -> list[Event]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not (events := self._take(max_events)):
                    await self._bus.published.wait()
        return events

    async def commit(self, events: Sequence[Event]) -> None:
        self._bus.require_reachable()
        for event in events if self._group else ():
            place = (event.topic, event.partition)
            if place in self._positions:
                done = self._bus.committed.get((self._group, place), 0)
                self._bus.committed[self._group, place] = max(done, event.offset + 1)

    async def close(self) -> None:
        members = self._bus.members[self._group]
        if self in members:
            members.remove(self)
            self._share()
        self._positions = {}

    def _places(self) -> list[Place]:
        return [place for place in self._bus.logs if place[0] in self._topics]

    def _take(self, max_events: int) -> list[Event]:
        self._bus.require_reachable()
        events: list[Event] = []
        for place, position in self._positions.items():
            batch = self._bus.logs[place][position : position + max_events - len(events)]
            self._positions[place] = position + len(batch)
            events.extend(batch)
        return events

    def _share(self) -> None:
        members = self._bus.members[self._group]
        for rank, member in enumerate(members):
            wanted = [place for index, place in enumerate(member._places()) if index % len(members) == rank]
            kept = {place: position for place, position in member._positions.items() if place in wanted}
            fresh = {place: self._bus.committed.get((self._group, place), 0) for place in wanted}
            member._positions = fresh | kept
        self._bus.wake()
