"""State common to the readers of one bus: the session that holds their locks, and notifications of new records.

A member of a group holds a numbered slot as an advisory lock. The slots in use give the number of live members and
the partitions of each; a partition is read only by the member that holds its lock. A member that dies loses its
session, and with it slot and partitions, at once and without a timeout.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

from pixel_errors import PixelError, Unavailable
from pixel_postgres import execute, fetch_all, fetch_one, load_queries
from pixel_telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pixel_postgres import Pool
    from psycopg import AsyncConnection

GROUPS = load_queries("pixel_events.postgres.sql", "groups.sql")
LOG = load_queries("pixel_events.postgres.sql", "log.sql")
CHANNEL = "bus_records"
POLL_S = 1.0
MAX_MEMBERS = 64
"""Maximum members of a group; members beyond the number of partitions read nothing."""

log = get_logger(__name__)

TopicPartition = tuple[str, int]
"""A topic and the number of one of its partitions."""


@dataclass(eq=False)
class Reader:
    """A follower (no group) or a member of a group. `positions` are the next offsets of the partitions it may read."""

    topics: tuple[str, ...]
    group: str = ""
    slot: int | None = None
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    published: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def slot_class(self) -> int:
        """The lock class of this group's slots; members that read other topics have another one."""
        return _lock_class("member", self.group, *sorted(self.topics))

    def partition_class(self, topic: str) -> int:
        """Return the lock class of a topic's partitions within this group."""
        return _lock_class("partition", self.group, topic)


class Coordinator:
    """Notifies readers and assigns partitions to members, over one session and one LISTEN connection."""

    def __init__(self, pool: Pool) -> None:
        self.heads: dict[TopicPartition, int] = {}
        self._pool = pool
        self._readers: list[Reader] = []
        self._turn = asyncio.Lock()
        self._session: contextlib.AsyncExitStack | None = None
        self._conn: AsyncConnection[Any] | None = None
        self._stop = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._shared_at = 0.0

    async def add(self, reader: Reader) -> None:
        """Add a reader: a follower starts at the end, a member gets the partitions that are free."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="bus-coordinator")
        async with self._turn:
            conn = await self._connected()
            rows = await self._read_heads(conn, reader.topics)
            missing = set(reader.topics) - {topic for topic, _ in rows}
            if missing:
                raise Unavailable(f"not created yet: {', '.join(sorted(missing))}", reason="TOPIC_MISSING")
            self.heads.update(rows)
            self._readers.append(reader)
            if not reader.group:
                reader.positions = rows
                return
            try:
                await self._share(conn)
            except PixelError:
                self._readers.remove(reader)
                if conn.closed:
                    await self._disconnect()
                raise

    async def remove(self, reader: Reader) -> None:
        """Remove a reader; its partitions are free for others at once."""
        if reader not in self._readers:  # it never got in: a database that does not answer holds the turn for seconds
            return
        async with self._turn:
            if reader not in self._readers:
                return
            self._readers.remove(reader)
            if reader.slot is not None and self._conn is not None:
                locks = [(reader.partition_class(topic), number) for topic, number in reader.positions]
                with contextlib.suppress(PixelError):  # a broken session has released its locks already
                    await self._release(self._conn, [*locks, (reader.slot_class, reader.slot)])
            reader.positions = {}
            reader.slot = None

    async def close(self) -> None:
        """Stop listening and release all locks; idempotent."""
        self._stop.set()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})
        async with self._turn:
            await self._disconnect()

    async def _listen(self) -> None:
        async for _ in self._pool.listen(CHANNEL, self._stop, POLL_S):
            try:
                await self._take_turn()
            except PixelError as error:
                log.warning("bus_turn_failed", reason=error.code)
            except Exception:
                # A defect must not stop the notifications; the next turn comes within a second.
                log.exception("bus_turn_failed")

    async def _take_turn(self) -> None:
        async with self._turn:
            if not self._readers:
                return
            try:
                conn = await self._connected()
                self.heads.update(
                    await self._read_heads(conn, {name for reader in self._readers for name in reader.topics})
                )
                self._notify()
                if asyncio.get_running_loop().time() - self._shared_at >= POLL_S:
                    await self._share(conn)
            except PixelError:
                await self._disconnect()
                raise

    def _notify(self) -> None:
        for reader in self._readers:
            if any(self.heads.get(place, 0) > position for place, position in reader.positions.items()):
                reader.published.set()

    @staticmethod
    async def _read_heads(conn: AsyncConnection[Any], topics: Iterable[str]) -> dict[TopicPartition, int]:
        rows = await fetch_all(conn, LOG["read_heads"], {"topics": list(topics)})
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def _share(self, conn: AsyncConnection[Any]) -> None:
        """Assign every member its share: release surplus partitions first, then take free ones."""
        self._shared_at = asyncio.get_running_loop().time()
        members = [reader for reader in self._readers if reader.group]
        if not members:
            return
        for member in members:
            await self._take_slot(conn, member)
        classes = list({member.slot_class for member in members})
        slots: dict[int, list[int]] = defaultdict(list)
        for row in await fetch_all(conn, GROUPS["read_slots"], {"slot_classes": classes}):
            slots[row["slot_class"]].append(row["slot"])
        wanted = {member: self._share_of(member, slots[member.slot_class]) for member in members}
        surplus = [(m, place) for m in members for place in m.positions if place not in wanted[m]]
        for member, place in surplus:
            del member.positions[place]
        await self._release(conn, [(member.partition_class(place[0]), place[1]) for member, place in surplus])
        for member in members:
            await self._take(conn, member, wanted[member])
        self._notify()

    async def _take_slot(self, conn: AsyncConnection[Any], member: Reader) -> None:
        if member.slot is not None:
            return
        # Locks are re-entrant within a session, so slots of members in this process are excluded by number.
        taken = [
            other.slot for other in self._readers if other.slot_class == member.slot_class and other.slot is not None
        ]
        row = await fetch_one(
            conn, GROUPS["take_slot"], {"slots": MAX_MEMBERS, "taken": taken, "slot_class": member.slot_class}
        )
        if row is None:
            raise Unavailable(f"group {member.group} has {MAX_MEMBERS} members", reason="GROUP_FULL")
        member.slot = row["slot"]

    def _share_of(self, member: Reader, slots: Sequence[int]) -> set[TopicPartition]:
        places = sorted(place for place in self.heads if place[0] in member.topics)
        if member.slot not in slots:
            return set()
        rank = slots.index(member.slot)
        return {place for index, place in enumerate(places) if index % len(slots) == rank}

    async def _take(self, conn: AsyncConnection[Any], member: Reader, wanted: set[TopicPartition]) -> None:
        ours = {place for other in self._readers if other.group == member.group for place in other.positions}
        places = sorted(wanted - ours)
        if not places:
            return
        by_lock = {(member.partition_class(topic), number): (topic, number) for topic, number in places}
        locks = {"lock_classes": [lock[0] for lock in by_lock], "partitions": [lock[1] for lock in by_lock]}
        taken = [
            by_lock[row["lock_class"], row["partition"]]
            for row in await fetch_all(conn, GROUPS["take_partitions"], locks)
        ]
        rows = await fetch_all(
            conn,
            GROUPS["read_offsets"],
            {
                "group_name": member.group,
                "topics": [topic for topic, _ in taken],
                "partitions": [number for _, number in taken],
            },
        )
        member.positions |= {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    @staticmethod
    async def _release(conn: AsyncConnection[Any], locks: Sequence[tuple[int, int]]) -> None:
        if locks:
            parameters: Mapping[str, Any] = {
                "lock_classes": [lock[0] for lock in locks],
                "numbers": [lock[1] for lock in locks],
            }
            await execute(conn, GROUPS["release_locks"], parameters)

    async def _connected(self) -> AsyncConnection[Any]:
        if self._conn is None:
            session = contextlib.AsyncExitStack()
            conn: AsyncConnection[Any] = await session.enter_async_context(self._pool.autocommit())
            self._session, self._conn = session, conn
            return conn
        return self._conn

    async def _disconnect(self) -> None:
        """Leave the session; its members lose their locks and read nothing until they hold them again."""
        session, conn = self._session, self._conn
        self._session = self._conn = None
        for reader in self._readers:
            if reader.group:
                reader.positions, reader.slot = {}, None
        if session is None or conn is None:
            return
        with contextlib.suppress(PixelError):
            await execute(conn, GROUPS["release_all_locks"])
        with contextlib.suppress(PixelError):
            await session.aclose()


def _lock_class(*words: str) -> int:
    """Return a stable number for an advisory lock, within a positive int4."""
    return crc32("\0".join(words).encode()) >> 1
