"""One bus port, three adapters: the fake, Postgres ("embedded") and Kafka ("real")."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from pixel_events import CATALOGUE, Bus, KafkaBus, PostgresBus, Topic

from tests.fakes.bus import FakeBus
from tests.fakes.events import ACTIVITIES
from tests.parts import MakeDatabase

DEAD = ACTIVITIES + ".dlq"
SMALL = {name: CATALOGUE[name] for name in (ACTIVITIES, DEAD, "image.generation.status")}
"""Enough topics for the contract; creating all of them takes a broker long."""

Connect = Callable[[], Bus]


@pytest.fixture(params=["fake", "embedded", pytest.param("real", marks=pytest.mark.real)])
def backend(request: pytest.FixtureRequest) -> tuple[str, object]:
    """The kind of bus and its connection; servers start only when a test needs them."""
    needs = {"embedded": "make_database", "real": "kafka_brokers"}
    kind = request.param
    return kind, request.getfixturevalue(needs[kind]) if kind in needs else None


@pytest.fixture
async def connect(backend: tuple[str, object]) -> AsyncIterator[Connect]:
    """Yield `connect()`: another connection to the same new bus, as another process would open it."""
    kind, part = backend
    buses: list[Bus] = []
    catalogue: dict[str, Topic] = dict(SMALL)
    prefix = f"t{secrets.token_hex(5)}."
    fake = FakeBus(catalogue)
    database = await cast("MakeDatabase", part)("bus") if kind == "embedded" else None

    def open_another() -> Bus:
        bus: Bus
        if kind == "fake":
            bus = fake
        elif database is not None:
            bus = PostgresBus(database.url, catalogue=catalogue)
        else:
            bus = KafkaBus(str(part), topic_prefix=prefix, catalogue=catalogue)
        buses.append(bus)
        return bus

    yield open_another
    for bus in buses:
        await bus.close()


@pytest.fixture
async def bus(connect: Connect) -> Bus:
    """A bus with its topics."""
    made = connect()
    await made.ensure_topics()
    return made
