"""Ports of live progress, besides those of generations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_gateway.domain.generation import Progress
    from pixel_gateway.domain.ticket import Ticket


@dataclass(frozen=True)
class PositionedEvent:
    """A stored event and its position among all events of its user."""

    event: Progress
    position: str


@dataclass(frozen=True)
class EventPage:
    """Events after a position, in commit order, and the next position."""

    events: tuple[PositionedEvent, ...]
    position: str
    is_resync: bool = False
    """The requested position is unknown or too old; `position` is the current one."""


class UserEvents(Protocol):
    """Events of all generations of a user. Raises Unavailable while the generation service is unreachable."""

    async def after(self, user_id: str, position: str) -> EventPage:
        """Return the events after a position; none for an empty one, and `is_resync` for an unknown one."""


class Tickets(Protocol):
    """Tickets by the digest of their secret."""

    async def add(self, ticket: Ticket, secret_digest: bytes) -> None:
        """Store a ticket; delete some expired ones."""

    async def take(self, secret_digest: bytes, at: datetime) -> Ticket | None:
        """Return the ticket and delete it, in one step; None when it is unknown, used or expired."""
