"""The ports of the bus: a durable, partitioned log. Adapters: Kafka, Postgres, and a fake in the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_events.event import Event


@dataclass(frozen=True)
class BusHealth:
    """The state of a bus, for operators."""

    reachable: bool
    brokers: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: str = ""

    @property
    def healthy(self) -> bool:
        """True when the bus answers and has every topic."""
        return self.reachable and not self.missing


class BusConsumer(Protocol):
    """Reads events at least once, in order per partition."""

    async def start(self) -> None:
        """Return when the start offsets are known; raise Unavailable when the bus or a topic does not exist."""

    async def receive(self, max_events: int, timeout_s: float) -> list[Event]:
        """Return available events, waiting up to `timeout_s` for the first; raise Unavailable.

        A cancelled receive loses nothing: the next one returns the events.
        """

    async def commit(self, events: Sequence[Event]) -> None:
        """Record that these and all earlier events of their partitions are processed.

        Skips partitions that moved to another member. Does nothing for a follower.
        """

    async def close(self) -> None:
        """Release the partitions; idempotent."""


class Bus(Protocol):
    """Publishes events and makes consumers."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Return when all are durable; raise Unavailable, or Invalid when the bus can never accept one of them.

        After an error some of them may have been published.
        """

    def consumer(self, group: str, topics: Sequence[str]) -> BusConsumer:
        """Make one member of a group; members share the partitions, a new group starts at the oldest record."""

    def follower(self, topics: Sequence[str]) -> BusConsumer:
        """Make a reader of all partitions that starts at the end and belongs to no group."""

    async def ensure_topics(self) -> list[str]:
        """Create the missing topics of the catalogue and return their names; idempotent."""

    async def health(self) -> BusHealth:
        """Return the state of the bus; does not raise when the bus cannot be reached."""

    async def close(self) -> None:
        """Flush published records and close every connection; idempotent."""
