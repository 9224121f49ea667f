"""Making and using tickets for streams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_gateway.domain.ticket import TICKET_S, Ticket, TicketRefused, digest, is_secret, secret_from

if TYPE_CHECKING:
    from pixel_gateway.application.generations.ports import Generations
    from pixel_gateway.application.live.ports import Tickets
    from pixel_gateway.application.ports import Clock, Ids


@dataclass(frozen=True)
class CreateTicket:
    """Ask for a ticket; with a generation it opens only that one's streams."""

    user_id: str
    generation_id: str = ""


async def create_ticket(
    command: CreateTicket, *, tickets: Tickets, generations: Generations, ids: Ids, clock: Clock
) -> tuple[Ticket, str]:
    """Return a ticket and its secret, which is kept nowhere; raise NotFound for a generation that is not yours."""
    if command.generation_id:
        await generations.get(command.user_id, command.generation_id)
    secret = secret_from(ids.random_text())
    ticket = Ticket(command.user_id, command.generation_id, clock.now() + timedelta(seconds=TICKET_S))
    await tickets.add(ticket, digest(secret))
    return ticket, secret


async def use_ticket(secret: str, generation_id: str, *, tickets: Tickets, clock: Clock) -> str:
    """Return whose stream may be opened and use the ticket up, or raise TicketRefused.

    `generation_id` is whose stream is asked for; empty means the one of all generations.
    """
    ticket = await tickets.take(digest(secret), clock.now()) if is_secret(secret) else None
    if ticket is None or ticket.generation_id not in ("", generation_id):
        raise TicketRefused
    return ticket.user_id
