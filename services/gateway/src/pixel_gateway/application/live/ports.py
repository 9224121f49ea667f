"""What live progress needs from the world, beside the generations themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_gateway.domain.generation import Progress
    from pixel_gateway.domain.ticket import Ticket


@dataclass(frozen=True)
class PositionedEvent:
    """A stored event and where it stands among all events of its user."""

    event: Progress
    position: str


@dataclass(frozen=True)
class EventPage:
    """Events after a position, in the order of their commits, and the position to ask with next."""

    events: tuple[PositionedEvent, ...]
    position: str
    is_resync: bool = False
    """The position that was asked with is unknown or older than what is kept; `position` is where now is."""


class UserEvents(Protocol):
    """Events of all generations of a user. Raises Unavailable while the generation service is away."""

    async def after(self, user_id: str, position: str) -> EventPage:
        """Return the events after a position; for an empty one no events, only where now is."""


class Tickets(Protocol):
    """Tickets by the digest of their secret."""

    async def add(self, ticket: Ticket, secret_digest: bytes) -> None:
        """Store a ticket; forget some that have expired."""

    async def take(self, secret_digest: bytes, at: datetime) -> Ticket | None:
        """Return the ticket and delete it, in one step; None when it is unknown, used or expired."""
