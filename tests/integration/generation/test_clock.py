from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pixel_generation.adapters.outbound.postgres.clock import PostgresClock
from pixel_postgres import open_pool

from tests.parts import MakeDatabase


@dataclass
class WrongClock:
    """A wrong system clock."""

    offset: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


async def test_the_database_time_replaces_a_wrong_system_clock(make_database: MakeDatabase) -> None:
    database, system = await make_database("generation"), WrongClock(timedelta(hours=-1))
    async with open_pool(database.url, schema="generation", application="test") as pool:
        clock = PostgresClock(pool, system)
        assert datetime.now(UTC) - clock.now() > timedelta(minutes=59)
        await clock.look()
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
        system.offset = timedelta(hours=1)  # a step while it runs
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


async def test_a_slow_response_does_not_change_the_clock_offset(make_database: MakeDatabase) -> None:
    """The moment within the wait at which the server read its clock is unknown."""
    database, seconds = await make_database("generation"), iter([0.0, 1.0, 1.0, 9.0, 9.0])
    async with open_pool(database.url, schema="generation", application="test") as pool:
        clock = PostgresClock(pool, WrongClock(timedelta(hours=-1)), monotonic=lambda: next(seconds))
        await clock.look()
        assert datetime.now(UTC) - clock.now() > timedelta(minutes=59)


async def test_an_unreachable_server_does_not_change_the_clock_offset(
    free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixel_postgres.pool._WAIT_FOR_CONNECTION_S", 0.2)
    url = f"postgresql://nobody:secret@127.0.0.1:{free_port}/none"
    async with open_pool(url, schema="generation", application="test") as pool:
        clock = PostgresClock(pool, WrongClock(timedelta(hours=-1)))
        await clock.look()
        assert datetime.now(UTC) - clock.now() > timedelta(minutes=59)
