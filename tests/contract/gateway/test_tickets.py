"""Contract of the tickets: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pixel_gateway.adapters.outbound.tickets import PostgresTickets
from pixel_gateway.application.live.ports import Tickets
from pixel_gateway.domain.ticket import Ticket, digest
from pixel_postgres import open_pool
from pixel_runtime.ids import format_id, new_id

from tests.fakes.gateway_live import FakeTickets

CONTRACTS = {Tickets: (FakeTickets, PostgresTickets)}

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(params=["fake", "real"])
async def tickets(request, make_database):
    if request.param == "fake":
        yield FakeTickets()
        return
    database = await make_database("gateway")
    async with open_pool(database.url, schema="gateway", application="test") as pool:
        yield PostgresTickets(pool)


def ticket(generation_id: str = "", expire_time: datetime = NOW + timedelta(seconds=60)) -> Ticket:
    return Ticket(format_id("usr", new_id()), generation_id, expire_time)


@pytest.mark.parametrize("generation_id", ["", "gen_" + "1" * 32])
async def test_a_ticket_can_be_used_once(tickets, generation_id):
    made = ticket(generation_id)
    await tickets.add(made, digest("one"))

    assert await tickets.take(digest("one"), NOW) == made
    assert await tickets.take(digest("one"), NOW) is None


async def test_of_concurrent_attempts_one_takes_the_ticket(tickets):
    made = ticket()
    await tickets.add(made, digest("one"))
    outcomes = await asyncio.gather(*(tickets.take(digest("one"), NOW) for _ in range(20)))

    assert [outcome for outcome in outcomes if outcome] == [made]


async def test_an_expired_or_unknown_ticket_is_none(tickets):
    await tickets.add(ticket(expire_time=NOW), digest("old"))

    assert await tickets.take(digest("old"), NOW) is None
    assert await tickets.take(digest("never made"), NOW) is None
