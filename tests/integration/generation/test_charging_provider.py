"""A worker that stops or dies during a paid call: no call is made twice, no credit charged twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.due_jobs import PostgresDueJobs
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.ledger import PostgresLedger
from pixel_generation.adapters.outbound.postgres.provider_health import PostgresProviderHealth
from pixel_generation.adapters.outbound.postgres.set_aside import PostgresSetAside
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application.execution.provider_health import HealthOfProviders
from pixel_generation.application.execution.run import Run, RunTools
from pixel_generation.application.execution.runners.image import ImageRunner
from pixel_generation.application.maintenance.change_jobs import ChangeTools
from pixel_generation.application.maintenance.expire import end_overdue_jobs
from pixel_generation.application.maintenance.look_up import look_up_unknown_calls
from pixel_generation.application.maintenance.rescue import rescue_abandoned_runs
from pixel_generation.application.ports import Writer
from pixel_generation.application.submission.ports import NewGeneration
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.jobs.recovery import RetryPolicy
from pixel_generation.domain.jobs.step import Step
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.domain.work.stage import Stage
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import open_pool
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id

from tests.conftest import WaitUntil
from tests.fakes.generation_catalogue import painting
from tests.fakes.generation_duties import FakeDutyObserver
from tests.fakes.generation_eta import FakeEtaObserver
from tests.fakes.generation_health import FakeHealthObserver
from tests.fakes.generation_neighbours import (
    FakeAssets,
    FakeEngineObserver,
    FakeObserver,
    FakeTextToImage,
    FakeTracing,
)
from tests.parts import MakeDatabase

IMAGES = 2


@dataclass(frozen=True)
class Moment:
    """The write at which the first run is blocked, and the result of its job."""

    before_write: Callable[[Job], bool] = lambda _job: False
    in_call: bool = False
    calls: int = 1
    status: str = "failed"
    captured: int = 0
    attempts: int = 1


MOMENTS = {
    "before the call is announced": Moment(
        before_write=lambda job: job.stage is Stage.GENERATING, status="completed", captured=IMAGES, attempts=2
    ),
    "during the call": Moment(in_call=True),
    "before the first picture is recorded": Moment(before_write=lambda job: len(job.outputs) == 1),
    "after the first picture was stored": Moment(
        before_write=lambda job: len(job.outputs) == IMAGES, status="completed", captured=1
    ),
    "before the end is recorded": Moment(
        before_write=lambda job: job.status.is_final, status="completed", captured=IMAGES
    ),
}


class HeldJobs(PostgresJobs):
    """Blocks the first matching write until the run is cancelled."""

    fits: Callable[[Job], bool] = staticmethod(lambda _job: False)
    is_held = False

    async def write(
        self, before: Job, after: Job, *, writer: Writer, call: CallRecord | None = None, step: Step | None = None
    ) -> bool:
        if not self.is_held and self.fits(after):
            self.is_held = True
            await asyncio.Event().wait()
        return await super().write(before, after, writer=writer, call=call, step=step)


def submission(user: UUID, at: datetime) -> NewGeneration:
    work = ImageWork("a fox", model="gpt-image-2", number_of_images=IMAGES, size="1024x1024", seed=1)
    job = Job(
        id=new_id(),
        user_id=user,
        set_id=new_id(),
        work=work,
        queue="openai",
        cost_credits=IMAGES,
        created_at=at,
        scheduled_at=at,
        deadline_at=at + timedelta(hours=1),
    )
    return NewGeneration(job, "", "r", b"f")


async def swept(tools: ChangeTools) -> None:
    for duty in (rescue_abandoned_runs, end_overdue_jobs, look_up_unknown_calls):
        await duty(tools=tools)


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize("name", MOMENTS)
async def test_no_call_is_made_twice_and_no_credit_charged_twice(
    name: str, is_killed: bool, make_database: MakeDatabase, wait_until: WaitUntil
) -> None:
    moment, clock, database = MOMENTS[name], SystemClock(), await make_database("generation")
    provider, observer, user = FakeTextToImage(repeatable=False), FakeObserver(), new_id()
    runner = ImageRunner({"openai": provider})
    async with (
        open_pool(database.url, schema="generation", application="test") as pool,
        await psycopg.AsyncConnection.connect(
            database.admin_url, autocommit=True, options="-c search_path=generation"
        ) as admin,
    ):
        jobs = HeldJobs(pool, clock, KINDS, MESSAGES)
        jobs.fits = moment.before_write
        catalogue = CachedCatalogue(PostgresCatalogue(pool, default="gpt-image-2", providers=painting("openai")))
        model = (await catalogue.current()).find("gpt-image-2")
        health = HealthOfProviders(PostgresProviderHealth(pool), FakeHealthObserver(), SystemRandomness().fraction)
        tools = RunTools(
            jobs,
            jobs,
            FakeAssets(),
            clock,
            SystemRandomness(),
            observer,
            FakeTracing(),
            RetryPolicy(reconcile_for_s=0),
            health,
            catalogue,
            FakeEtaObserver(),
        )
        sweep = ChangeTools(
            jobs=jobs,
            due=PostgresDueJobs(pool, KINDS),
            set_aside=PostgresSetAside(pool),
            catalogue=catalogue,
            runners={"image": runner},
            clock=clock,
            policy=RetryPolicy(reconcile_for_s=0),
            observer=observer,
            engine_observer=FakeEngineObserver(),
            duty_observer=FakeDutyObserver(),
            lookups={},
        )
        await PostgresLedger(pool).grant(user, 10, grant_id="signup", reason="")
        await PostgresSubmissions(pool, MESSAGES).decide([submission(user, clock.now())])

        async def claim() -> list[Run]:
            deadline = clock.now() + timedelta(seconds=300)
            claimed = await jobs.claim("openai", 1, worker="w", lease_s=15, deadline_at=deadline)
            return [Run(job, model, runner, tools) for job in claimed]

        (run,) = await claim()
        if moment.in_call:
            provider.before = lambda _request: asyncio.Event().wait()
        task = asyncio.create_task(run.execute())
        await wait_until(lambda: jobs.is_held or (moment.in_call and bool(provider.requests)))
        provider.before = None
        task.cancel()
        await asyncio.wait([task])
        if is_killed:
            await admin.execute(
                "UPDATE live_jobs SET lease_until = now() - interval '1 second' WHERE status = 'processing'"
            )
            await swept(sweep)
        else:
            await run.interrupt()
        for again in await claim():
            await again.execute()
        await swept(sweep)

        cursor = await admin.execute("SELECT status, captured_credits FROM live_jobs")
        assert await cursor.fetchall() == [(moment.status, moment.captured)]
        cursor = await admin.execute("SELECT count(*) FROM attempts")
        assert await cursor.fetchone() == (moment.attempts,)
        assert len(provider.requests) == len({request.attempt for request in provider.requests}) == moment.calls
        cursor = await admin.execute(
            "SELECT kind, count(*) FROM ledger_transfers WHERE kind IN ('hold', 'capture') GROUP BY kind"
        )
        assert dict(await cursor.fetchall()) == {"hold": 1} | ({"capture": 1} if moment.captured else {})
        cursor = await admin.execute("SELECT available, held FROM accounts")
        assert await cursor.fetchall() == [(10 - moment.captured, 0)]
        cursor = await admin.execute("SELECT sum(credits) FROM ledger_entries")
        assert await cursor.fetchone() == (0,)
