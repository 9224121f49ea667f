"""The ports of the bus: a durable, partitioned log. Adapters: Kafka, Postgres, and a fake in the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_events.event import Event


@dataclass(frozen=True)
class BusHealth:
    """What an operator asks of a bus."""

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
        """Return when it is known from where to read; raise Unavailable when the bus or a topic is not there."""

    async def receive(self, max_events: int, timeout_s: float) -> list[Event]:
        """Return what is there, waiting up to `timeout_s` for the first event; raise Unavailable.

        A cancelled call loses nothing: the events are returned by the next one.
        """

    async def commit(self, events: Sequence[Event]) -> None:
        """Record that these and all earlier events of their partitions are done.

        Partitions that moved to another member are left alone. A follower has nothing to record.
        """

    async def close(self) -> None:
        """Give the partitions back; idempotent."""


class Bus(Protocol):
    """Publishes and hands out consumers."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Return when all are durable; raise Unavailable, or Invalid when the bus can never take one of them.

        After an error some of them may have been published.
        """

    def consumer(self, group: str, topics: Sequence[str]) -> BusConsumer:
        """Make one member of a group; the members share the partitions, a new group starts at the oldest record."""

    def follower(self, topics: Sequence[str]) -> BusConsumer:
        """Make a reader of all partitions that starts at the end and belongs to no group."""

    async def ensure_topics(self) -> list[str]:
        """Create the topics of the catalogue that are missing and return their names; safe to repeat."""

    async def health(self) -> BusHealth:
        """Look at the bus; never raises for a bus that is away."""

    async def close(self) -> None:
        """Finish what was published and close every connection; idempotent."""
