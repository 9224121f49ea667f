"""A kind of work for tests only is submitted, watched, cancelled, taken over and billed like any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pixel_generation.application import Application
from pixel_generation.application.execution.run import Run, RunTools
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.application.maintenance.rescue import rescue_abandoned_runs
from pixel_generation.application.submission.cancel import Cancellation
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
from pixel_generation.domain.errors import WorkInvalid
from pixel_generation.domain.jobs.cancellation import CancelOutcome
from pixel_generation.domain.jobs.job import Job, Status, StoredEvent
from pixel_generation.domain.jobs.replay import fold
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.work.stage import Stage
from pixel_generation.settings import Settings
from pixel_generation.wiring.adapters import Adapters, open_adapters
from pixel_generation.wiring.duties import change_tools
from pixel_generation.wiring.kinds import ALL, Kind
from pixel_generation.wiring.providers import open_providers
from pixel_generation.wiring.serve import bind_application
from pixel_generation.wiring.work import run_tools
from pixel_rpc import open_channel
from pixel_runtime.ids import new_id
from psycopg.rows import DictRow, dict_row

from tests.conftest import WaitUntil
from tests.fakes.generation_neighbours import FakeAssets
from tests.fakes.sleep_kind import CATALOGUE, KINDS, STEPS, Dormitory, SleepMessages, SleepRunner, SleepWork
from tests.parts import MakeDatabase


def sleeping(providers: Any) -> SleepRunner:
    return SleepRunner({"dormitory": providers["dormitory"]})


SLEEP = Kind(SleepWork, SleepMessages(), sleeping)


@dataclass
class House:
    """The service with one more kind of work."""

    app: Application
    adapters: Adapters
    tools: RunTools
    settings: Settings
    dormitory: Dormitory
    admin: psycopg.AsyncConnection[DictRow]

    async def user(self) -> UUID:
        user = new_id()
        await self.adapters.ledger.grant(user, 100, grant_id="signup", reason="")
        return user

    async def submit(self, user: UUID, seconds: int = 6, **options: Any) -> Job:
        (outcome,) = await self.app.generations.submit([SubmitGeneration(user, SleepWork(seconds), **options)])
        assert isinstance(outcome, Accepted), outcome
        assert outcome.job is not None
        return outcome.job

    async def find(self, job: Job) -> Job:
        found = await self.adapters.all_jobs.find(job.id)
        assert found is not None
        return found

    async def events(self, job: Job) -> list[StoredEvent]:
        return await self.adapters.queries.events(job.id, job.user_id, after=0, limit=100)

    async def steps(self, job: Job) -> dict[str, bool]:
        return {key: step.is_finished for key, step in (await self.adapters.jobs.steps(job)).items()}

    async def money(self, job: Job) -> tuple[int, int]:
        balance = await self.adapters.queries.balance(job.user_id)
        return balance.available, balance.held

    async def start(self) -> asyncio.Task[None]:
        """Claim the one queued job and run it as a worker does."""
        await self.adapters.queue_holds.end_due(1)
        deadline = self.adapters.clock.now().replace(year=2100)
        (job,) = await self.adapters.jobs.claim("sleep", 1, worker="w", lease_s=15, deadline_at=deadline)
        model = (await self.adapters.catalogue.current()).find(job.work.model)
        return asyncio.create_task(Run(job, model, self.adapters.runners["sleep"], self.tools).execute())

    async def kill(self, run: asyncio.Task[None]) -> None:
        """Kill a run as if its process died, and expire its lease for the rescue."""
        run.cancel()
        await asyncio.wait([run])
        await self.admin.execute("UPDATE live_jobs SET lease_until = now() - interval '1 second'")
        assert await rescue_abandoned_runs(tools=change_tools(self.settings, self.adapters)) == 1

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        limits = WorkLimits(poll_s=0.02, heartbeat_s=0.05)
        runners, catalogue = self.adapters.runners, self.adapters.catalogue
        worker = Worker("w", catalogue=catalogue, runners=runners, tools=self.tools, limits=limits)
        await worker.start()
        try:
            yield
        finally:
            await worker.stop()

    async def assert_replayable(self, job: Job) -> None:
        row = await self.find(job)
        assert replace(fold(await self.adapters.jobs.history(job.id), KINDS), hold_reason=row.hold_reason) == row


@pytest.fixture
async def house(make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    database, dormitory = await make_database("generation"), Dormitory()
    settings = replace(Settings(), database_url=database.url)
    opened = "pixel_generation.wiring.adapters.open_providers"
    monkeypatch.setattr(opened, lambda known: {**open_providers(known), "dormitory": dormitory})
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(
                database.admin_url, autocommit=True, options="-c search_path=generation", row_factory=dict_row
            )
        )
        for row in CATALOGUE:
            await admin.execute(row)
        adapters = await stack.enter_async_context(open_adapters(settings, (*ALL, SLEEP)))
        media = await stack.enter_async_context(open_channel("127.0.0.1:9"))
        tools = replace(run_tools(settings, adapters, media), assets=FakeAssets())
        yield House(bind_application(settings, adapters), adapters, tools, settings, dormitory, admin)


async def test_sleep_is_submitted_watched_and_billed(house: House, wait_until: WaitUntil) -> None:
    job = await house.submit(await house.user())
    assert (job.kind, job.queue, job.cost_credits, await house.money(job)) == ("sleep", "sleep", 12, (88, 12))

    async with house.working():
        await wait_until(lambda: _is(house, job, Status.COMPLETED))

    done = await house.find(job)
    assert (done.captured_credits, await house.money(job)) == (12, (88, 0))
    assert [(output.index, output.units, output.facts["slept"]) for output in done.outputs] == [
        (0, 2, "lie down"), (1, 2, "dream"), (2, 2, "get up"),
    ]  # fmt: skip
    told = [(event.current_step, event.progress) for event in await house.events(job)]
    assert told == [
        ("Waiting in queue", 0), ("Sleeping 6 s", 10), ("0 of 6 s slept", 20),
        ("Going to lie down", 20), ("Step 1 of 3: lie down", 20), ("Step 1 of 3: lie down", 43),
        ("Going to dream", 43), ("Step 2 of 3: dream", 43), ("Step 2 of 3: dream", 66),
        ("Going to get up", 66), ("Step 3 of 3: get up", 66), ("Step 3 of 3: get up", 90),
        ("Done", 100),
    ]  # fmt: skip
    receipt = await house.app.generations.get_receipt(job.id, job.user_id)
    assert (receipt.credits_per_unit, receipt.requested_units, receipt.delivered_units) == (2, 6, 6)
    assert receipt.provider_cost_usd_micros == 30
    await house.assert_replayable(job)


async def test_unsuitable_work_is_refused_by_its_own_rules(house: House) -> None:
    user = await house.user()
    outcomes = await house.app.generations.submit([SubmitGeneration(user, SleepWork(seconds)) for seconds in (5, 12)])
    assert [type(outcome) for outcome in outcomes] == [WorkInvalid, WorkInvalid]


async def test_the_same_key_gives_one_job(house: House) -> None:
    user = await house.user()
    job = await house.submit(user, idempotency_key="k", route="r")
    (again,) = await house.app.generations.submit(
        [SubmitGeneration(user, SleepWork(6), idempotency_key="k", route="r")]
    )
    assert isinstance(again, Accepted)
    assert (again.job_id, again.job) == (job.id, None)


async def test_a_takeover_repeats_no_finished_step_and_pays_none_twice(house: House, wait_until: WaitUntil) -> None:
    job = await house.submit(await house.user())
    house.dormitory.awake = lambda task: task.endswith("dream")
    run = await house.start()
    await wait_until(lambda: any(task.endswith("dream") for task in house.dormitory.polled))
    await house.kill(run)

    waiting = await house.find(job)
    assert (waiting.status, waiting.units_delivered, waiting.current_step) == (
        Status.QUEUED, 2, "Waiting in queue to try again",
    )  # fmt: skip
    assert await house.steps(job) == {"lie down": True, "dream": False}

    house.dormitory.awake = lambda _task: False
    await (await house.start())
    done = await house.find(job)
    assert (done.status, done.attempt, done.captured_credits) == (Status.COMPLETED, 2, 12)
    assert await house.steps(job) == dict.fromkeys(STEPS, True)
    assert house.dormitory.tasks == {f"{job.id}/{step}": 2 for step in STEPS}
    assert [task.rpartition("/")[2] for task in house.dormitory.polled].count("lie down") == 1
    receipt = await house.app.generations.get_receipt(job.id, job.user_id)
    assert [attempt.cost_usd_micros for attempt in receipt.attempts] == [10, 20]
    await house.assert_replayable(job)


async def test_a_cancelled_run_is_charged_for_delivered_units_and_its_open_call_is_cancelled(
    house: House, wait_until: WaitUntil
) -> None:
    job = await house.submit(await house.user())
    house.dormitory.awake = lambda task: task.endswith("dream")
    async with house.working():
        await wait_until(lambda: any(task.endswith("dream") for task in house.dormitory.polled))
        (cancelled,) = await house.app.generations.cancel(job.user_id, [job.id])
    assert isinstance(cancelled, Cancellation)
    assert (cancelled.outcome, cancelled.job.captured_credits) == (CancelOutcome.PARTIAL, 4)
    assert house.dormitory.cancelled == [f"{job.id}/dream"]
    assert await house.money(job) == (96, 0)
    await house.assert_replayable(job)


async def test_a_worker_without_its_lease_writes_no_step(house: House, wait_until: WaitUntil) -> None:
    job = await house.submit(await house.user())
    house.dormitory.awake = lambda task: task.endswith("dream")
    run = await house.start()
    await wait_until(lambda: any(task.endswith("dream") for task in house.dormitory.polled))
    await house.admin.execute("UPDATE live_jobs SET lease_until = now() - interval '1 second'")
    house.dormitory.awake = lambda _task: False
    await run
    assert await house.steps(job) == {"lie down": True, "dream": False}
    assert (await house.find(job)).units_delivered == 2


async def test_a_retried_job_has_its_own_steps_in_the_new_round(house: House, wait_until: WaitUntil) -> None:
    job = await house.submit(await house.user(), max_retries=0)
    house.dormitory.refused = ProviderError(
        "No bed.", code="provider_rejected", outcome=Outcome.NOT_SENT, retryable=False
    )
    async with house.working():
        await wait_until(lambda: _is(house, job, Status.FAILED))
        assert await house.money(job) == (100, 0)
        house.dormitory.refused = None
        (again,) = await house.app.generations.retry(job.user_id, [job.id])
        assert isinstance(again, Accepted)
        await wait_until(lambda: _is(house, job, Status.COMPLETED))
    done = await house.find(job)
    assert (done.round, done.captured_credits, await house.money(job)) == (2, 12, (88, 0))
    rounds = await (await house.admin.execute("SELECT DISTINCT round FROM job_steps")).fetchall()
    assert [row["round"] for row in rounds] == [2]
    await house.assert_replayable(job)


async def test_steps_are_deleted_when_their_job_is_archived(house: House, wait_until: WaitUntil) -> None:
    job = await house.submit(await house.user())
    async with house.working():
        await wait_until(lambda: _is(house, job, Status.COMPLETED))
    assert len(await house.steps(job)) == 3
    later = house.adapters.clock.now().replace(year=2100)
    assert await house.adapters.housekeeping.archive(before=later, limit=10) == 1
    assert await house.steps(job) == {}
    assert (await house.find(job)).stage is Stage.DONE


async def _is(house: House, job: Job, status: Status) -> bool:
    return (await house.find(job)).status is status
