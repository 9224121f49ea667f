"""A worker stops calling a failing provider, limits retries, and moves jobs to their fallbacks."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.application.execution.worker import Worker, WorkLimits
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
from pixel_generation.domain.jobs.job import Job, Status
from pixel_generation.domain.providers.breaker import BreakerState
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.providers.text_to_image import ImageRequest
from pixel_generation.domain.queueing.estimate import EstimateAccuracy
from pixel_generation.domain.work.image import ImageWork

from tests.fakes.generation_catalogue import FLARE, SKETCH, FakeCatalogue
from tests.unit.generation.conftest import Engine

TWIN = replace(SKETCH, id="twin", provider="openai", queue="openai", takes_seed=True, aliases=())
MOST_FAILURES = 20


def down(_request: ImageRequest) -> None:
    raise ProviderError("down", code="provider_unavailable", outcome=Outcome.NOT_SENT, retryable=True)


def blocked(_request: ImageRequest) -> None:
    raise ProviderError("no", code="blocked", outcome=Outcome.SENT, retryable=False)


async def turn(engine: Engine, worker: Worker) -> None:
    """Claim once and run the claimed jobs to their end."""
    await worker.claim_once()
    for held in list(worker._runs.values()):
        await held.task
    engine.clock.advance(0.25)


@pytest.fixture
def failing(engine: Engine) -> Engine:
    """An engine with a copy of the sketch model at a provider that is down."""
    source = FakeCatalogue(SKETCH, FLARE, TWIN, providers=frozenset({"sketch", "openai"}))
    engine.catalogue = CachedCatalogue(source)
    engine.vendor.before = down
    return engine


async def submitted(engine: Engine, user: UUID, model: str, *, fallback: bool = False) -> Job:
    command = SubmitGeneration(user, ImageWork("a fox", model=model), allow_fallback=fallback)
    (outcome,) = await engine.submit(command)
    assert isinstance(outcome, Accepted), outcome
    return engine.job(outcome.job_id)


async def test_calls_to_a_provider_that_is_down_stay_within_120_percent_of_the_offered_load(failing: Engine) -> None:
    offered, user, worker = 100, await failing.user(), failing.worker(WorkLimits(slots=10))
    jobs = [await submitted(failing, user, "twin") for _ in range(offered)]
    jobs += [await submitted(failing, await failing.user(), "studio-sketch") for _ in range(5)]
    for _ in range(400):
        await turn(failing, worker)
    assert len(failing.vendor.requests) <= 1.2 * offered
    assert failing.breaker_observer.states["openai"] in {BreakerState.OPEN, BreakerState.HALF_OPEN}
    assert failing.breaker_observer.held["openai"] > 0
    assert [failing.job(job.id).status for job in jobs[offered:]] == [Status.COMPLETED] * 5


async def test_calls_stop_within_twenty_failures_and_resume_when_the_provider_recovers(failing: Engine) -> None:
    user, worker = await failing.user(), failing.worker(WorkLimits(slots=1))
    jobs = [await submitted(failing, user, "twin") for _ in range(40)]
    while failing.breaker_observer.states.get("openai") is not BreakerState.OPEN:
        await turn(failing, worker)
    assert len(failing.vendor.requests) <= MOST_FAILURES
    failing.vendor.before = None
    for _ in range(200):
        await turn(failing, worker)
    assert failing.breaker_observer.states["openai"] is BreakerState.CLOSED
    ends = [failing.job(job.id).status for job in jobs]
    assert ends.count(Status.COMPLETED) >= len(jobs) - MOST_FAILURES
    assert all(status.is_final for status in ends)


async def test_a_failed_run_of_a_job_with_a_fallback_is_done_by_the_other_provider(failing: Engine) -> None:
    user, worker = await failing.user(), failing.worker()
    job = await submitted(failing, user, "twin", fallback=True)
    assert job.route["fallback_models"]
    await turn(failing, worker)
    moved = failing.job(job.id)
    assert (moved.status, moved.queue, moved.work.model) == (Status.QUEUED, "sketch", "studio-sketch")
    await turn(failing, worker)
    done = failing.job(job.id)
    assert (done.status, done.work.model, done.retry_count) == (Status.COMPLETED, "studio-sketch", 0)
    assert len(failing.vendor.requests) == 1


async def test_a_blocked_request_does_not_fall_back_to_another_provider(failing: Engine) -> None:
    failing.vendor.before = blocked
    job = await submitted(failing, await failing.user(), "twin", fallback=True)
    await turn(failing, failing.worker())
    assert failing.job(job.id).status is Status.FAILED


async def test_a_start_is_compared_with_its_quote(engine: Engine) -> None:
    user = await engine.user()
    await engine.accepted(user)
    late = await engine.accepted(user)
    await turn(engine, engine.worker(WorkLimits(slots=1)))
    assert engine.accuracies.seen == [EstimateAccuracy.INSIDE]
    engine.clock.advance(600)
    await turn(engine, engine.worker())
    assert engine.job(late).status is Status.COMPLETED
    assert engine.accuracies.seen == [EstimateAccuracy.INSIDE, EstimateAccuracy.LATE]
