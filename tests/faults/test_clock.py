"""One process whose clock is wrong, also by a step while it runs: leases and deadlines are the database's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pixel_generation.settings import Settings

from tests.fakes.bus import FakeBus
from tests.fakes.generation_neighbours import FakeTextToImage
from tests.faults.engine import assert_at_rest, calling
from tests.faults.nemesis import IS_FULL, seeded
from tests.faults.ports import HalfDone, run_engine
from tests.parts import MakeDatabase

JOBS = 12
CASES = [("serve", 60), ("work", -60), ("work", 5), ("relay", 60)]
if IS_FULL:
    CASES = [(role, minutes) for role in ("serve", "work", "relay") for minutes in (-60, -5, 5, 60)]


class WrongClock:
    """A clock off by `offset`, which a test may change."""

    offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + WrongClock.offset


@pytest.mark.parametrize(("role", "minutes"), CASES)
async def test_f15_a_wrong_clock_in_one_role_takes_over_no_live_lease(
    role: str, minutes: int, make_database: MakeDatabase
) -> None:
    """The clock is right at the start, then wrong while jobs run: each job runs once and is completed."""
    database, calm, bus = await make_database("generation"), HalfDone(seeded("F15"), rate=0.0), FakeBus()
    model = FakeTextToImage()
    model.before = lambda _request: asyncio.sleep(0.15)
    options = replace(
        Settings(), database_url=database.url, grpc_address="127.0.0.1:0", worker_lease_s=3.0, worker_heartbeat_s=1.0,
        sweep_interval_s=0.1, max_concurrent_generations=4,
    )  # fmt: skip
    WrongClock.offset = timedelta(0)
    wrong, right = frozenset({role}), frozenset({"serve", "work", "relay"}) - {role}
    async with (
        run_engine(options, calm, roles=wrong, providers={"sketch": model}, bus=bus, clock=WrongClock) as first,
        run_engine(options, calm, roles=right, providers={"sketch": model}, bus=bus) as second,
        calling(first if role == "serve" else second) as caller,
    ):
        user = await caller.user(JOBS)
        for number in range(JOBS):
            if number == JOBS // 4:
                WrongClock.offset = timedelta(minutes=minutes)
            await caller.submit(user, f"key {number}")
        await assert_at_rest(database.admin_url, within_s=30)
    async with await psycopg.AsyncConnection.connect(database.admin_url) as conn:
        cursor = await conn.execute(
            "SELECT status, attempt, failure ->> 'code', count(*) FROM generation.live_jobs GROUP BY 1, 2, 3"
        )
        assert await cursor.fetchall() == [("completed", 1, None, JOBS)]
