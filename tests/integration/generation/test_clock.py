from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pixel_generation.adapters.outbound.postgres.clock import PostgresClock
from pixel_postgres import open_pool

from tests.parts import MakeDatabase


@dataclass
class WrongClock:
    """A machine's clock that is off."""

    offset: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


async def test_a_wrong_clock_of_the_machine_is_replaced_by_the_servers_time(make_database: MakeDatabase) -> None:
    database, system = await make_database("generation"), WrongClock(timedelta(hours=-1))
    async with open_pool(database.url, schema="generation", application="test") as pool:
        clock = PostgresClock(pool, system)
        assert datetime.now(UTC) - clock.now() > timedelta(minutes=59)
        await clock.look()
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
        system.offset = timedelta(hours=1)  # a step while it runs
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


async def test_an_answer_that_took_long_leaves_the_time_as_it_was(make_database: MakeDatabase) -> None:
    """Nobody knows when within the wait the server looked."""
    database, seconds = await make_database("generation"), iter([0.0, 1.0, 1.0, 9.0, 9.0])
    async with open_pool(database.url, schema="generation", application="test") as pool:
        clock = PostgresClock(pool, WrongClock(timedelta(hours=-1)), monotonic=lambda: next(seconds))
        await clock.look()
        assert datetime.now(UTC) - clock.now() > timedelta(minutes=59)


async def test_a_server_that_is_away_leaves_the_time_as_it_was(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixel_postgres.pool._WAIT_FOR_CONNECTION_S", 0.2)
    url = f"postgresql://nobody:secret@127.0.0.1:{free_port}/none"
    async with open_pool(url, schema="generation", application="test") as pool:
        clock = PostgresClock(pool, WrongClock(timedelta(hours=-1)))
        await clock.look()
        assert datetime.now(UTC) - clock.now() > timedelta(minutes=59)
