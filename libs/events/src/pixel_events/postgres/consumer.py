"""Reads the log of the PostgreSQL bus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pixel_errors import PixelError
from pixel_postgres import execute, fetch_all

from pixel_events.event import Event
from pixel_events.postgres.coordinator import GROUPS, LOG, Reader, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pixel_postgres import Pool

    from pixel_events.postgres.coordinator import Coordinator


class PostgresConsumer:
    """A member of a group, or a follower when the group is empty."""

    def __init__(
        self, connect: Callable[[], Awaitable[tuple[Pool, Coordinator]]], group: str, topics: Sequence[str]
    ) -> None:
        self._connect = connect
        self._reader = Reader(tuple(topics), group)
        self._joined: tuple[Pool, Coordinator] | None = None

    async def start(self) -> None:
        if self._joined is None:
            pool, coordinator = await self._connect()
            self._joined = (
                pool,
                coordinator,
            )  # also after a cancelled start, so that `close` releases its locks
            try:
                await coordinator.add(self._reader)
            except PixelError:
                self._joined = None
                raise

    async def receive(self, max_events: int, timeout_s: float) -> list[Event]:
        clock = asyncio.get_running_loop().time
        end = clock() + timeout_s
        while True:
            self._reader.published.clear()
            events = await self._read(max_events)
            left_s = end - clock()
            if events or left_s <= 0:
                return events
            try:
                await asyncio.wait_for(self._reader.published.wait(), left_s)
            except TimeoutError:
                return []

    async def commit(self, events: Sequence[Event]) -> None:
        done: dict[TopicPartition, int] = {}
        for event in events:
            place = (event.topic, event.partition)
            if place in self._reader.positions:
                done[place] = max(done.get(place, 0), event.offset + 1)
        if not done or not self._reader.group or self._joined is None:
            return
        async with self._joined[0].autocommit() as conn:
            await execute(
                conn,
                GROUPS["save_offsets"],
                {
                    "group_name": self._reader.group,
                    "topics": [topic for topic, _ in done],
                    "partitions": [partition for _, partition in done],
                    "offsets": list(done.values()),
                },
            )

    async def close(self) -> None:
        if self._joined is not None:
            _, coordinator = self._joined
            self._joined = None
            await coordinator.remove(self._reader)

    async def _read(self, max_events: int) -> list[Event]:
        if self._joined is None:
            return []
        pool, coordinator = self._joined
        positions = self._reader.positions
        behind = [
            (place, position, head)
            for place, position in positions.items()
            if (head := coordinator.heads.get(place, 0)) > position
        ][:max_events]
        if not behind:
            return []
        async with pool.autocommit() as conn:
            rows = await fetch_all(
                conn,
                LOG["read_records"],
                {
                    "topics": [place[0] for place, _, _ in behind],
                    "partitions": [place[1] for place, _, _ in behind],
                    "offsets": [position for _, position, _ in behind],
                    "per_partition": max_events // len(behind),
                },
            )
        by_place: dict[TopicPartition, list[Event]] = {place: [] for place, _, _ in behind}
        for row in rows:
            by_place[row["topic"], row["partition"]].append(_event(row))
        return self._advance(behind, by_place)

    def _advance(
        self, behind: list[tuple[TopicPartition, int, int]], by_place: dict[TopicPartition, list[Event]]
    ) -> list[Event]:
        """Advance past the records read, unless the partition moved to another member meanwhile."""
        positions = self._reader.positions
        events: list[Event] = []
        for place, position, head in behind:
            if positions.get(place) != position:
                continue
            found = by_place[place]
            # No record below a known head: retention removed it.
            next_offset = found[-1].offset + 1 if found else head
            # Move it to the end, so that a busy partition does not starve the others.
            del positions[place]
            positions[place] = next_offset
            events.extend(found)
        return events


def _event(row: dict[str, Any]) -> Event:
    return Event(
        topic=row["topic"],
        key=row["key"],
        type=row["type"],
        value=row["value"],
        id=row["event_id"],
        source=row["source"],
        time=row["event_time"],
        headers=row["headers"],
        partition=row["partition"],
        offset=row["record_offset"],
    )
