"""The gateway's engine: in memory, and the generation service over gRPC and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from pixel_gateway.adapters.outbound.generation.billing_rpc import (
    GrpcAdjustments,
    GrpcBilling,
    GrpcBudgets,
    GrpcLedgerReads,
    GrpcPromotionCodes,
)
from pixel_gateway.adapters.outbound.generation.generations_rpc import GrpcGenerations
from pixel_gateway.adapters.outbound.generation.job_commands_rpc import GrpcJobCommands
from pixel_gateway.adapters.outbound.generation.operations_rpc import (
    GrpcFailedGenerations,
    GrpcQueueOperations,
    GrpcRecords,
)
from pixel_gateway.adapters.outbound.generation.user_events_rpc import GrpcUserEvents
from pixel_gateway.application.billing.ports import Adjustments, Billing, Budgets, LedgerReads, PromotionCodes
from pixel_gateway.application.generations.ports import Generations, JobCommands, Submission
from pixel_gateway.application.live.ports import UserEvents
from pixel_gateway.application.operations.ports import FailedGenerations, QueueOperations, Records
from pixel_gateway.domain.generation import Generation, Spec, Status
from pixel_generation.domain.jobs.job import Failure, Job
from pixel_generation.main import build
from pixel_generation.settings import Settings
from pixel_rpc import RpcServer, open_channel
from pixel_runtime.ids import format_id, new_id, parse_id

from tests.fakes.gateway_engine import EngineBehind, failed_work
from tests.fakes.gateway_generations import FakeBilling, FakeClock, FakeGenerations
from tests.fakes.gateway_live import FakeUserEvents
from tests.integration.generation.endings import FREE, SENT_AT_UNKNOWN_COST, Endings
from tests.integration.generation.submitter import open_submitter
from tests.parts import MakeDatabase

ADMIN = format_id("usr", new_id())


@dataclass
class Engine:
    """The ports of the engine, and its workers, controlled by the test."""

    generations: Generations
    billing: Billing
    user_events: UserEvents
    job_commands: JobCommands
    ledger_reads: LedgerReads
    budgets: Budgets
    adjustments: Adjustments
    promotions: PromotionCodes
    queue: QueueOperations
    failures: FailedGenerations
    records: Records
    complete: Callable[[Generation], Awaitable[None]]
    """Deliver all outputs of the one queued generation."""
    fail: Callable[[Generation], Awaitable[None]]
    """End it with the failure `timeout`."""
    act: Callable[[str, str], Awaitable[None]]
    """Let an admin adjust a user's credits under an id."""

    async def user(self, credit_count: int = 100) -> str:
        user_id = format_id("usr", new_id())
        await self.billing.grant(user_id, credit_count, grant_id="signup", reason="First credits")
        return user_id

    async def submit(self, user_id: str, *, key: str = "", images: int = 1) -> Generation:
        return (await self.generations.submit(submission(user_id, key=key, images=images))).generation


def submission(user_id: str, *, key: str = "", images: int = 1) -> Submission:
    return Submission(user_id, Spec("a lighthouse", number_of_images=images), key, "POST /api/generations")


def fake_engine() -> Engine:
    clock = FakeClock()
    billing = FakeBilling(clock)
    generations = FakeGenerations(clock, billing)
    fakes = EngineBehind(clock, generations, billing)

    async def complete(generation: Generation) -> None:
        generations.advance(generation.id, Status.COMPLETED, 100, "Done")

    async def fail(generation: Generation) -> None:
        generations.advance(generation.id, Status.FAILED, 10, "Failed")
        fakes.failures.rows = [failed_work(generation.id, generation.user_id)]

    async def act(user_id: str, adjustment_id: str) -> None:
        await fakes.adjustments.adjust(user_id, 5, adjustment_id=adjustment_id, reason="r", actor=ADMIN)
        fakes.act("adjust_credits", user_id, "", actor=ADMIN)

    return Engine(
        generations,
        billing,
        FakeUserEvents(generations),
        fakes.job_commands,
        fakes.ledger_reads,
        fakes.budgets,
        fakes.adjustments,
        fakes.promotions,
        fakes.queue,
        fakes.failures,
        fakes.records,
        complete,
        fail,
        act,
    )


async def real_engine(make_database: MakeDatabase, stack: AsyncExitStack) -> Engine:
    submitter = await stack.enter_async_context(open_submitter(make_database))
    settings = Settings(database_url=submitter.url, grpc_address="127.0.0.1:0", pool_max_size=3)
    service = await stack.enter_async_context(build(settings, frozenset({"serve"})))
    await service.start()
    stack.push_async_callback(service.stop)
    address = next(part.address for part in service.parts if isinstance(part, RpcServer))
    channel = await stack.enter_async_context(open_channel(address, default_deadline_s=20))
    generations = GrpcGenerations(channel)
    stack.push_async_callback(generations.close)
    workers = Endings(submitter)

    async def started(generation: Generation) -> Job:
        job = await workers.jobs.find(parse_id("gen", generation.id))
        assert job is not None
        return await workers.write(run := await workers.claim(job), run.calling(), SENT_AT_UNKNOWN_COST)

    async def complete(generation: Generation) -> None:
        await workers.deliver_all(await started(generation))

    async def fail(generation: Generation) -> None:
        job = await started(generation)
        failure = Failure("timeout", "The provider took too long.", retryable=True)
        await workers.write(job, job.failed(failure, at=workers.clock.now()), FREE)

    async def act(user_id: str, adjustment_id: str) -> None:
        await adjustments.adjust(user_id, 5, adjustment_id=adjustment_id, reason="r", actor=ADMIN)

    adjustments = GrpcAdjustments(channel)
    return Engine(
        generations,
        GrpcBilling(channel),
        GrpcUserEvents(channel),
        GrpcJobCommands(channel),
        GrpcLedgerReads(channel),
        GrpcBudgets(channel),
        adjustments,
        GrpcPromotionCodes(channel),
        GrpcQueueOperations(channel),
        GrpcFailedGenerations(channel),
        GrpcRecords(channel),
        complete,
        fail,
        act,
    )


@pytest.fixture(params=["fake", "real"])
async def engine(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncIterator[Engine]:
    if request.param == "fake":
        yield fake_engine()
        return
    async with AsyncExitStack() as stack:
        yield await real_engine(make_database, stack)
