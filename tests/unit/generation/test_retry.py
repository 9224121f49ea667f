"""A user's retry: a new round of a job that ended with nothing."""

from __future__ import annotations

from uuid import UUID

import pytest
from pixel_errors import PixelError
from pixel_generation.application.submission.submit import Accepted
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.errors import GenerationNotFound
from pixel_generation.domain.jobs.job import Status

from tests.conftest import WaitUntil
from tests.unit.generation.conftest import Engine
from tests.unit.generation.test_work import working


async def cancelled(engine: Engine, user: UUID) -> UUID:
    job_id = await engine.accepted(user, images=2)
    await engine.cancel(user, job_id)
    return job_id


async def reasons(engine: Engine, user: UUID, *job_ids: UUID) -> list[str]:
    return [
        outcome.code if isinstance(outcome, PixelError) else "replayed" if outcome.job is None else "again"
        for outcome in await engine.retry(user, *job_ids)
    ]


async def test_a_failed_job_runs_again_under_its_id(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    engine.painter.pictures = 0
    job_id = await engine.accepted(user, images=2)
    async with working(engine):
        await wait_until(lambda: engine.job(job_id).status is Status.FAILED)
    engine.painter.pictures = None
    before = engine.job(job_id)
    (accepted,) = await engine.retry(user, job_id)
    assert isinstance(accepted, Accepted)
    assert (engine.job(job_id).round, engine.job(job_id).sequence) == (2, before.sequence + 1)
    assert engine.store.balances[user] == Balance(8, 2)
    async with working(engine):
        await wait_until(lambda: engine.job(job_id).status is Status.COMPLETED)
    assert (engine.job(job_id).attempt, engine.job(job_id).captured_credits) == (2, 2)
    assert engine.store.balances[user] == Balance(8, 0)
    sequences = [event.sequence for event in engine.store.rows[job_id].events]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_a_job_cancelled_without_outputs_can_be_retried(engine: Engine) -> None:
    user = await engine.user(10)
    job_id = await cancelled(engine, user)
    assert await reasons(engine, user, job_id) == ["again"]
    assert [(action.action, action.job_id) for action in engine.actions.recorded] == [("retry", job_id)]


async def test_retrying_an_open_job_returns_it_unchanged(engine: Engine) -> None:
    user = await engine.user(10)
    job_id = await cancelled(engine, user)
    assert await reasons(engine, user, job_id, job_id) == ["again", "again"]
    assert await reasons(engine, user, job_id) == ["replayed"]
    assert (engine.job(job_id).round, engine.store.balances[user]) == (2, Balance(8, 2))


async def test_a_job_with_delivered_outputs_is_not_retried(engine: Engine, wait_until: WaitUntil) -> None:
    user = await engine.user(10)
    job_id = await engine.accepted(user, images=1)
    async with working(engine):
        await wait_until(lambda: engine.job(job_id).status.is_final)
    assert await reasons(engine, user, job_id) == ["RETRY_NOT_POSSIBLE"]


async def test_a_retry_needs_credits_like_a_submission(engine: Engine) -> None:
    user = await engine.user(2)
    job_id = await cancelled(engine, user)
    await engine.accepted(user, images=1)
    assert await reasons(engine, user, job_id) == ["INSUFFICIENT_CREDITS"]
    assert engine.job(job_id).status is Status.CANCELLED


async def test_a_job_of_another_user_cannot_be_retried(engine: Engine) -> None:
    job_id = await cancelled(engine, await engine.user(10))
    other = await engine.user(10)
    own = await cancelled(engine, other)
    for named in ([job_id], [own, job_id]):
        with pytest.raises(GenerationNotFound):
            await engine.retry(other, *named)
    assert [engine.job(each).status for each in (job_id, own)] == [Status.CANCELLED] * 2
