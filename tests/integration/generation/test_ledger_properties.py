"""The ledger stays balanced under any grant, hold, capture, release, refund and adjustment (I2, I3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.application.ports import Writer
from pixel_generation.application.submission.ports import NewGeneration, Verdict
from pixel_generation.domain.billing.credits import Account
from pixel_generation.domain.jobs.job import Failure, Job
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import load_queries
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id

from tests.fakes.generation_outputs import image_output
from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase

FAILURE = Failure("provider_unavailable", "The provider is away.", retryable=True)
CHECKS = {
    name: query
    for name, query in load_queries("pixel_generation.sql", "reconcile.sql").items()
    if name.startswith("check_")
}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.integers(1, 20)),
        st.tuples(st.just("adjust"), st.integers(-15, 15).filter(bool)),
        st.tuples(st.just("redeem"), st.just(0)),
        st.tuples(st.just("hold"), st.integers(1, 5)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("retry"), st.just(0)),
        st.tuples(st.just("refund"), st.integers(0, 6)),
    ),
    max_size=25,
)


@dataclass
class LedgerReads:
    """The expected ledger, computed independently."""

    submitter: Submitter
    jobs: PostgresJobs
    user: UUID
    available: int = 0
    held: int = 0
    redeemed: bool = False
    open: list[UUID] = field(default_factory=list)
    failed: list[UUID] = field(default_factory=list)
    captured: dict[UUID, int] = field(default_factory=dict)

    async def step(self, word: str, amount: int) -> None:
        await getattr(self, word)(amount)

    async def grant(self, amount: int) -> None:
        await self.submitter.ledger.grant(self.user, amount, grant_id=new_id().hex, reason="")
        self.available += amount

    async def adjust(self, amount: int) -> None:
        outcome = await self.submitter.ledger.adjust(
            self.user, amount, adjustment_id=new_id().hex, reason="test", actor="test"
        )
        assert outcome.made is (self.available + amount >= 0)
        self.available += amount if outcome.made else 0

    async def redeem(self, _: int) -> None:
        outcome = await self.submitter.promotions.redeem(self.user, "SPRING")
        assert outcome is not None
        assert outcome.redeemed is not self.redeemed
        self.available += outcome.credits if outcome.redeemed else 0
        self.redeemed = True

    async def hold(self, images: int) -> None:
        await self._submit(self.submitter.new(self.user, images=images))

    async def retry(self, _: int) -> None:
        if self.failed:
            now = SystemClock().now()
            job = await self._find(self.failed[0])
            again = job.retried(at=now, deadline_at=now + timedelta(hours=1))
            if await self._submit(NewGeneration(again, retried_at=now)):
                self.failed.pop(0)

    async def end(self, delivered: int) -> None:
        """End the next job with at most this many of its outputs."""
        if not self.open:
            return
        deadline = SystemClock().now() + timedelta(minutes=5)
        (job,) = await self.jobs.claim("sketch", 1, worker="w", lease_s=60, deadline_at=deadline)
        self.open.remove(job.id)
        self.held -= job.cost_credits
        if not delivered:
            await self._write(job, job.failed(FAILURE, at=SystemClock().now()))
            self.available += job.cost_credits
            self.failed.append(job.id)
            return
        job = await self._write(job, job.calling())
        for index in range(min(delivered, job.work.units)):
            image = image_output(new_id(), index, 1024, 1024, "image/png", 10, 7)
            job = await self._write(job, job.delivered(image))
        ended = await self._write(job, job.completed(at=SystemClock().now()))
        captured = ended.captured_credits or 0
        self.available += job.cost_credits - captured
        self.captured[job.id] = captured

    async def refund(self, amount: int) -> None:
        for job_id, left in list(self.captured.items())[:1]:
            capture = await self.submitter.ledger.find_capture(job_id)
            assert capture is not None
            assert (capture.captured, capture.refunded) == (left, 0)
            back = min(amount or left, left)
            assert await self.submitter.ledger.refund(job_id, capture, back, reason="test", actor="test")
            assert not await self.submitter.ledger.refund(job_id, capture, back, reason="test", actor="test")
            self.available += back
            del self.captured[job_id]

    async def _submit(self, item: NewGeneration) -> bool:
        cost = item.job.cost_credits
        verdict = (await self.submitter.submit_one(item)).verdict
        assert verdict is (Verdict.ACCEPTED if cost <= self.available else Verdict.INSUFFICIENT)
        if verdict is Verdict.ACCEPTED:
            self.available -= cost
            self.held += cost
            self.open.append(item.job.id)
        return verdict is Verdict.ACCEPTED

    async def _find(self, job_id: UUID) -> Job:
        job = await self.jobs.find(job_id)
        assert job is not None
        return job

    async def _write(self, before: Job, after: Job) -> Job:
        assert await self.jobs.write(before, after, writer=Writer.WORKER)
        return after


@pytest.fixture
async def submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    async with open_submitter(make_database) as opened:
        await opened.promotions.create("SPRING", 5, max_uses=None, ends_at=None, actor="test")
        yield opened


async def violations(submitter: Submitter) -> dict[str, Any]:
    found = {name: (await submitter.row(query))["violations"] for name, query in CHECKS.items()}
    return {name: count for name, count in found.items() if count}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_the_ledger_matches_every_sequence_of_operations(
    submitter: Submitter, steps: list[tuple[str, int]]
) -> None:
    books = LedgerReads(submitter, PostgresJobs(submitter.pool, SystemClock(), KINDS, MESSAGES), new_id())
    for word, amount in steps:
        await books.step(word, amount)
    account: Account = await submitter.accounts.find(books.user)
    assert (account.balance.available, account.balance.held) == (books.available, books.held)
    assert account.open_jobs == len(books.open)
    assert account.spent_today >= books.held
    assert await violations(submitter) == {}
    while books.open:
        await books.end(1)
    account = await submitter.accounts.find(books.user)
    assert (account.balance.available, account.balance.held, account.open_jobs) == (books.available, 0, 0)
    assert await violations(submitter) == {}
