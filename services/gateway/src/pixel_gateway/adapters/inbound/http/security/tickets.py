"""Tickets in the URL of a stream, instead of an API key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.metrics import TICKETS
from pixel_gateway.domain.ticket import TicketRefused

if TYPE_CHECKING:
    from pixel_gateway.application import Application


async def user_of_ticket(application: Application, secret: str, generation_id: str) -> str:
    """Use a ticket and return its principal; raise TicketRefused."""
    try:
        user_id = await application.live.use_ticket(secret, generation_id)
    except TicketRefused:
        TICKETS.labels("refused").inc()
        raise
    TICKETS.labels("used").inc()
    return user_id
