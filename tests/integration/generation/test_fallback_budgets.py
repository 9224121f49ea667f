"""A fallback to another provider uses the budgets of that one, and is not made when they have not enough left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pixel_errors import PixelError
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.postgres.accounts import PostgresBudgets
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application.execution.provider_health import HealthOfProviders
from pixel_generation.application.execution.run import RunTools
from pixel_generation.application.execution.runners.image import ImageRunner
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.application.ports import Writer
from pixel_generation.domain.billing.budgets import BudgetLimit, Period, Scope, Unit
from pixel_generation.domain.errors import BudgetExhausted, PriceUnknown
from pixel_generation.domain.jobs.job import Job, Status
from pixel_generation.domain.jobs.recovery import RetryPolicy
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.providers.text_to_image import ImageRequest
from pixel_generation.domain.work.image import ImageWork
from pixel_runtime.clock import SystemClock

from tests.fakes.generation import FakeClock
from tests.fakes.generation_catalogue import FLARE, SKETCH, FakeCatalogue
from tests.fakes.generation_eta import FakeEtaObserver
from tests.fakes.generation_health import FakeHealthObserver, FakeHealthStore
from tests.fakes.generation_neighbours import FakeAssets, FakeObserver, FakeTextToImage, FakeTracing
from tests.integration.generation.real_engine import RealEngine, open_engine
from tests.parts import MakeDatabase

HOME = replace(SKETCH, id="home", provider="openai", queue="openai", aliases=())


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[RealEngine]:
    async with open_engine(make_database) as opened:
        yield opened


async def budget(engine: RealEngine, scope: Scope, subject: str, limit: int, unit: Unit = Unit.CREDITS) -> None:
    await PostgresBudgets(engine.pool).set(BudgetLimit(scope, subject, Period.MONTH, unit, limit), actor="test")


async def used(engine: RealEngine, scope: Scope) -> int:
    row = await engine.row("SELECT sum(used)::bigint AS used FROM budgets WHERE scope = %s", scope.value)
    return int(row["used"])


async def called(engine: RealEngine, user: UUID, **fields: Any) -> Job:
    """A job whose first provider, openai, has been called."""
    await engine.submit(user, queue="openai", **fields)
    (job,) = await engine.claim(queue="openai")
    return await engine.write(job, job.calling())


def moved(job: Job, cost_usd_micros: int | None = 0) -> Job:
    there = replace(job, queue="sketch", route={"model": "studio-sketch", "cost_usd_micros": cost_usd_micros})
    return job.rerouted(there, at=datetime.now(UTC))


async def fall_back(engine: RealEngine, job: Job, cost_usd_micros: int | None = 0) -> Job:
    return await engine.write(job, moved(job, cost_usd_micros))


async def test_the_budget_reservation_moves_with_the_job_to_the_other_provider(engine: RealEngine) -> None:
    user = await engine.user()
    await budget(engine, Scope.PROVIDER, "openai", 5)
    await budget(engine, Scope.USER, user.hex, 5)
    job = await called(engine, user)
    await budget(engine, Scope.PROVIDER, "sketch", 5)
    assert (await engine.row("SELECT used FROM budgets WHERE subject = 'openai'"))["used"] == 2
    await fall_back(engine, job)
    assert (await engine.row("SELECT used FROM budgets WHERE subject = 'openai'"))["used"] == 0
    assert (await engine.row("SELECT used FROM budgets WHERE subject = 'sketch'"))["used"] == 2
    assert await used(engine, Scope.USER) == 2
    (again,) = await engine.claim()
    await engine.complete(again)
    assert (await engine.row("SELECT used FROM budgets WHERE subject = 'sketch'"))["used"] == 2
    assert await used(engine, Scope.USER) == 2


@pytest.mark.parametrize(("unit", "limit", "cost"), [(Unit.CREDITS, 1, 0), (Unit.USD_MICROS, 99, 100)])
async def test_a_fallback_over_the_budget_of_its_provider_changes_nothing(
    engine: RealEngine, unit: Unit, limit: int, cost: int
) -> None:
    user = await engine.user()
    await budget(engine, Scope.PROVIDER, "openai", 5)
    await budget(engine, Scope.PROVIDER, "sketch", limit, unit)
    job = await called(engine, user)
    with pytest.raises(BudgetExhausted) as refused:
        await engine.jobs.write(job, moved(job, cost), writer=Writer.WORKER)
    assert refused.value.metadata == {"scope": "provider", "period": "month"}
    assert await engine.jobs.find(job.id) == job
    assert await used(engine, Scope.PROVIDER) == 2


async def test_a_dearer_provider_must_be_within_the_budget_of_the_platform(engine: RealEngine) -> None:
    user = await engine.user()
    await budget(engine, Scope.PLATFORM, "", 150, Unit.USD_MICROS)
    job = await called(engine, user, cost_usd_micros=100)
    with pytest.raises(BudgetExhausted):
        await fall_back(engine, job, 151)
    with pytest.raises(PriceUnknown):
        await fall_back(engine, job, None)
    assert await used(engine, Scope.PLATFORM) == 100
    await fall_back(engine, job, 150)
    assert await used(engine, Scope.PLATFORM) == 150


async def test_concurrent_fallbacks_never_exceed_the_budget(engine: RealEngine) -> None:
    user = await engine.user()
    await budget(engine, Scope.PROVIDER, "sketch", 14)
    await engine.submit(user, 40, queue="openai")
    jobs = [await engine.write(job, job.calling()) for job in await engine.claim(40, queue="openai")]
    outcomes = await asyncio.gather(*(fall_back(engine, job) for job in jobs), return_exceptions=True)
    assert sum(isinstance(outcome, Job) for outcome in outcomes) == 7
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, PixelError)} == {BudgetExhausted}
    assert await used(engine, Scope.PROVIDER) == 14
    await engine.assert_consistent()


def down(_request: ImageRequest) -> None:
    raise ProviderError("down", code="provider_unavailable", outcome=Outcome.NOT_SENT, retryable=True)


@pytest.mark.parametrize(("limit", "status", "refused"), [(2, Status.COMPLETED, {}), (1, Status.FAILED, {"sketch": 1})])
async def test_a_worker_skips_a_fallback_that_is_over_its_budget(
    engine: RealEngine, limit: int, status: Status, refused: dict[str, int]
) -> None:
    user, home, observer = await engine.user(), FakeTextToImage(repeatable=False), FakeHealthObserver()
    await budget(engine, Scope.PROVIDER, "sketch", limit)
    home.before = down
    catalogue = CachedCatalogue(FakeCatalogue(SKETCH, FLARE, HOME, providers=frozenset({"sketch", "openai"})))
    tools = RunTools(
        engine.jobs,
        engine.jobs,
        FakeAssets(),
        SystemClock(),
        SystemRandomness(),
        FakeObserver(),
        FakeTracing(),
        RetryPolicy(),
        HealthOfProviders(FakeHealthStore(FakeClock()), observer, random.Random(7).random),
        catalogue,
        FakeEtaObserver(),
    )
    runners = {"image": ImageRunner({"sketch": FakeTextToImage(), "openai": home})}
    worker = Worker("w", catalogue=catalogue, runners=runners, tools=tools, limits=WorkLimits(poll_s=0.05))
    route = {"model": "home", "fallback_models": ["studio-sketch"], "credits_per_unit": 1}
    work = ImageWork("a lighthouse", model="home", number_of_images=2, size="1024x1024", seed=7)
    (job,) = await engine.submit(user, queue="openai", route=route, work=work, max_retries=0)
    await worker.start()
    try:
        async with asyncio.timeout(20):
            while (now := await engine.jobs.find(job.id)) is None or not now.status.is_final:
                await asyncio.sleep(0.02)
    finally:
        await worker.stop()
    assert (now.status, dict(observer.refused_fallbacks)) == (status, refused)
    await engine.assert_consistent()
