"""Creates and uses tickets for streams."""

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
    """A ticket to create; with a generation it opens only that one's streams."""

    user_id: str
    generation_id: str = ""


async def create_ticket(
    command: CreateTicket, *, tickets: Tickets, generations: Generations, ids: Ids, clock: Clock
) -> tuple[Ticket, str]:
    """Return a ticket and its secret, which is not stored; raise NotFound for a generation of another user."""
    if command.generation_id:
        await generations.get(command.user_id, command.generation_id)
    secret = secret_from(ids.random_text())
    ticket = Ticket(command.user_id, command.generation_id, clock.now() + timedelta(seconds=TICKET_S))
    await tickets.add(ticket, digest(secret))
    return ticket, secret


async def use_ticket(secret: str, generation_id: str, *, tickets: Tickets, clock: Clock) -> str:
    """Use a ticket and return its principal, or raise TicketRefused.

    `generation_id` is the generation of the stream; empty means the user channel.
    """
    ticket = await tickets.take(digest(secret), clock.now()) if is_secret(secret) else None
    if ticket is None or ticket.generation_id not in ("", generation_id):
        raise TicketRefused
    return ticket.user_id
