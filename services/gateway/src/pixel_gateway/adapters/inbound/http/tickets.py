"""Tickets: streams are opened by address, and an API key in an address would end up in logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, require_id
from pixel_gateway.adapters.inbound.http.live_bodies import CreateTicketBody, TicketView
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.metrics import TICKETS
from pixel_gateway.application.live.tickets import CreateTicket
from pixel_gateway.domain.ticket import TicketRefused

if TYPE_CHECKING:
    from pixel_gateway.application import Application


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""

    async def create(call: Call) -> Reply:
        body = await call.json(CreateTicketBody)
        generation_id = "" if body.generation_id is None else require_id("gen", body.generation_id)
        ticket, secret = await app.create_ticket(CreateTicket(call.user_id, generation_id))
        TICKETS.labels("made").inc()
        return json_reply(TicketView(ticket=secret, expires_at=ticket.expire_time), status=201)

    return [
        Door(
            "POST",
            "/api/tickets",
            create,
            "Make a ticket for a stream",
            {201: Answer("The ticket: add `?ticket=…` to the address of one stream within 60 seconds.", TicketView)},
            description="For browsers, which cannot send an API key with EventSource. It works once.",
            body=CreateTicketBody,
            body_example={},
        )
    ]


async def user_of_ticket(app: Application, secret: str, generation_id: str) -> str:
    """Return whose stream a ticket opens and use it up; raise TicketRefused."""
    try:
        user_id = await app.use_ticket(secret, generation_id)
    except TicketRefused:
        TICKETS.labels("refused").inc()
        raise
    TICKETS.labels("used").inc()
    return user_id
