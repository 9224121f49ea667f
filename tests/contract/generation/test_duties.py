"""Contract of leadership and of the jobs set aside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import psycopg
import pytest
from pixel_generation.adapters.outbound.postgres.leadership import PostgresLeadership
from pixel_generation.adapters.outbound.postgres.set_aside import PostgresSetAside
from pixel_generation.application.maintenance.ports import Leadership, SetAside
from pixel_generation.application.operations.ports import SetAsideList
from pixel_postgres import open_pool
from pixel_runtime.ids import new_id

from tests.fakes.generation import FakeClock
from tests.fakes.generation_duties import FakeLeadership, FakeSetAside
from tests.parts import MakeDatabase

CONTRACTS = {
    Leadership: (FakeLeadership, PostgresLeadership),
    SetAside: (FakeSetAside, PostgresSetAside),
    SetAsideList: (FakeSetAside, PostgresSetAside),
}


class SetAsideJobs(SetAside, SetAsideList, Protocol): ...


@dataclass
class Duties:
    leadership: Leadership
    set_aside: SetAsideJobs
    wait: Callable[[float], Awaitable[None]]
    """Move the pauses of jobs set aside back by these seconds."""


@pytest.fixture(params=["fake", "postgres"])
async def duties(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncIterator[Duties]:
    if request.param == "fake":
        clock = FakeClock()

        async def advance(seconds: float) -> None:
            clock.advance(seconds)

        yield Duties(FakeLeadership(), FakeSetAside(clock), advance)
        return
    database = await make_database("generation")
    async with (
        open_pool(database.url, schema="generation", application="test") as pool,
        await psycopg.AsyncConnection.connect(
            database.admin_url, autocommit=True, options="-c search_path=generation"
        ) as admin,
    ):

        async def wait(seconds: float) -> None:
            await admin.execute(
                "UPDATE set_aside_jobs SET first_at = first_at - make_interval(secs => %(s)s),"
                " last_at = last_at - make_interval(secs => %(s)s),"
                " look_again_at = look_again_at - make_interval(secs => %(s)s)",
                {"s": seconds},
            )

        yield Duties(PostgresLeadership(pool), PostgresSetAside(pool), wait)


async def test_a_single_process_leads_every_time(duties: Duties) -> None:
    for _ in range(2):
        async with duties.leadership.lead() as leads:
            assert leads


async def test_each_consecutive_failure_doubles_the_pause_up_to_ten_minutes(duties: Duties) -> None:
    job_id = new_id()
    pauses = []
    for _ in range(8):
        await duties.set_aside.add(job_id, "rescue", "ValueError: broken")
        (job,) = await duties.set_aside.latest(10)
        pauses.append(round((job.look_again_at - job.last_at).total_seconds()))
        await duties.wait(pauses[-1] + 1)
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600]
    assert (job.job_id, job.duty, job.reason, job.failures) == (job_id, "rescue", "ValueError: broken", 8)


async def test_a_set_aside_job_that_was_processed_is_deleted_from_the_list(duties: Duties) -> None:
    mended, broken = new_id(), new_id()
    await duties.set_aside.add(mended, "rescue", "r")
    await duties.set_aside.add(broken, "expire", "r")
    await duties.wait(30)
    await duties.set_aside.add(broken, "expire", "still")
    assert [(job.job_id, job.reason) for job in await duties.set_aside.latest(1)] == [(broken, "still")]
    assert await duties.set_aside.forget() == 0
    await duties.wait(45)
    assert [job.job_id for job in await duties.set_aside.latest(10)] == [broken]
    assert await duties.set_aside.forget() == 1
    assert [job.failures for job in await duties.set_aside.latest(10)] == [2]
