"""The ports of live progress, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pixel_errors import Unavailable
from pixel_gateway.application.live.ports import EventPage, PositionedEvent

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_gateway.domain.ticket import Ticket

    from tests.fakes.gateway_generations import FakeGenerations

_HEX = "0" * 32


@dataclass
class FakeUserEvents:
    """The log of all events; a position is the number of events read, in the store's format."""

    generations: FakeGenerations
    oldest: int = 0
    """Positions before it are no longer kept."""
    horizon: int | None = None
    """Events from here on are stored, but not visible yet."""
    page_size: int = 500
    is_away: bool = False
    reads: int = 0

    async def after(self, user_id: str, position: str) -> EventPage:
        self.reads += 1
        if self.is_away or self.generations.is_away:
            raise Unavailable("The generation service is away.")
        log = self.generations.log[: self.horizon]
        now = self.position(len(log))
        if not position:
            return EventPage((), now)
        parts = position.split(".")
        if len(parts) != 3 or parts[1] != _HEX or not parts[0].isdigit():
            return EventPage((), now, is_resync=True)
        start = int(parts[0])
        if not self.oldest <= start <= len(log):
            return EventPage((), now, is_resync=True)
        found = [(index, event) for index, event in enumerate(log, 1) if index > start and event.user_id == user_id]
        page = tuple(PositionedEvent(event, self.position(index)) for index, event in found[: self.page_size])
        return EventPage(page, page[-1].position if page else now)

    @staticmethod
    def position(index: int) -> str:
        return f"{index}.{_HEX}.1"


@dataclass
class FakeTickets:
    """Tickets by digest."""

    rows: dict[bytes, Ticket] = field(default_factory=dict)

    async def add(self, ticket: Ticket, secret_digest: bytes) -> None:
        self.rows[secret_digest] = ticket

    async def take(self, secret_digest: bytes, at: datetime) -> Ticket | None:
        ticket = self.rows.pop(secret_digest, None)
        return None if ticket is None or ticket.expire_time <= at else ticket
