"""Reads of history, billing and queues over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pixel.generation.v1 import billing_service_pb2 as billing
from pixel.generation.v1 import generation_pb2 as messages
from pixel.generation.v1 import generations_service_pb2 as pb
from pixel.generation.v1 import operations_service_pb2 as operations
from pixel.generation.v1.billing_service_pb2_grpc import BillingServiceStub
from pixel.generation.v1.generations_service_pb2_grpc import GenerationsServiceStub
from pixel.generation.v1.operations_service_pb2_grpc import OperationsServiceStub
from pixel_errors import Invalid, NotFound
from pixel_generation.main import build
from pixel_generation.settings import Settings
from pixel_rpc import RpcServer, open_channel
from pixel_runtime.ids import format_id, new_id

from tests.integration.generation.endings import Endings
from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase


@dataclass
class Served:
    """A serving process and the engine beside it."""

    channel: grpc.aio.Channel
    submitter: Submitter
    endings: Endings

    def __post_init__(self) -> None:
        self.generations = GenerationsServiceStub(self.channel)
        self.billing = BillingServiceStub(self.channel)
        self.operations = OperationsServiceStub(self.channel)

    async def events(self, user: str, position: str, size: int = 3) -> pb.ListUserEventsResponse:
        return await self.generations.ListUserEvents(
            pb.ListUserEventsRequest(user_id=user, after_position=position, page_size=size)
        )


@pytest.fixture(scope="module")
async def served(make_database: MakeDatabase) -> AsyncIterator[Served]:
    async with open_submitter(make_database) as submitter:
        settings = Settings(database_url=submitter.url, grpc_address="127.0.0.1:0")
        async with build(settings, frozenset({"serve"})) as service:
            await service.start()
            address = next(part.address for part in service.parts if isinstance(part, RpcServer))
            async with open_channel(address) as channel:
                yield Served(channel, submitter, Endings(submitter))
            await service.stop()


async def test_the_user_channel_has_every_event_of_the_users_jobs_once_and_in_order(served: Served) -> None:
    user = await served.submitter.user(100)
    name = format_id("usr", user)
    start = await served.events(name, "")
    assert (list(start.events), start.resync) == ([], False)
    await served.endings.completed(await served.submitter.user())
    jobs = await served.endings.of_every_kind(user)
    seen, position = list[pb.PositionedEvent](), start.position
    while (page := await served.events(name, position)).events:
        assert not page.resync
        seen += page.events
        position = page.position
    told = [(item.event.generation_id, item.event.sequence) for item in seen]
    assert len(told) == len(set(told)) == sum(job.sequence for job in jobs.values())
    for job in jobs.values():
        own = [sequence for generation, sequence in told if generation == format_id("gen", job.id)]
        assert own == list(range(1, job.sequence + 1))
    assert {item.event.user_id for item in seen} == {name}
    middle = seen[len(seen) // 2]
    rest = await served.events(name, middle.position, 1_000)
    assert [item.position for item in rest.events] == [item.position for item in seen[len(seen) // 2 + 1 :]]


async def test_an_event_that_commits_late_is_never_before_an_issued_position(served: Served) -> None:
    user = await served.submitter.user(100)
    name = format_id("usr", user)
    first = await served.endings.queued(user)
    position = (await served.events(name, f"0.{'0' * 32}.0")).position
    async with served.submitter.admin.transaction():
        await served.submitter.run(
            "INSERT INTO job_events (job_id, sequence, status, stage, progress, message, user_id) "
            "VALUES (%s, 2, 'queued', 'waiting', 0, 'late', %s)",
            first.id,
            user,
        )
        later = await served.endings.queued(user)
        meanwhile = await served.events(name, position)
        assert list(meanwhile.events) == []
    told = (await served.events(name, meanwhile.position)).events
    assert [(item.event.generation_id, item.event.sequence) for item in told] == [
        (format_id("gen", first.id), 2),
        (format_id("gen", later.id), 1),
    ]
    await served.submitter.run("DELETE FROM job_events WHERE job_id = %s AND sequence = 2", first.id)
    for job in (first, later):
        await served.endings.cancel(job)


async def test_an_unknown_position_requires_a_new_snapshot(served: Served) -> None:
    user, other = await served.submitter.user(), await served.submitter.user()
    await served.endings.completed(other)
    start = await served.events(format_id("usr", other), f"0.{'0' * 32}.0")
    foreign = start.events[0].position
    name = format_id("usr", user)
    for position in (
        "nonsense",
        foreign,
        f"{2**63}.{'0' * 32}.0",
        f"1.{new_id().hex}.1",
        "1.2.3",
        f"{2**70}.{'0' * 32}.0",
    ):
        answer = await served.events(name, position)
        assert (answer.resync, list(answer.events)) == (True, []), position
        assert not (await served.events(name, answer.position)).resync


async def test_a_generation_is_read_with_history_charges_and_route(served: Served) -> None:
    user = await served.submitter.user()
    name = format_id("usr", user)
    job = await served.endings.completed(
        user, end_user="ann", metadata={"team": "red"}, route={"model": "studio-sketch", "rule": "requested"}
    )
    generation_id = format_id("gen", job.id)
    one = (await served.generations.GetGeneration(pb.GetGenerationRequest(id=generation_id, user_id=name))).generation
    assert (one.end_user, dict(one.metadata), one.round) == ("ann", {"team": "red"}, 1)
    assert (one.kind, one.priority) == ("image", messages.JOB_PRIORITY_NORMAL)
    assert (one.route.model, one.route.rule) == ("studio-sketch", "requested")
    listed = await served.generations.ListGenerations(
        pb.ListGenerationsRequest(user_id=name, model="studio-sketch", kind="image")
    )
    assert [(item.id, item.HasField("route")) for item in listed.generations] == [(generation_id, False)]
    request = pb.GetReceiptRequest(id=generation_id, user_id=name)
    receipt = (await served.generations.GetReceipt(request)).receipt
    assert (receipt.quoted_credits, receipt.charged_credits, receipt.credits_per_unit) == (2, 2, 1)
    assert (receipt.provider_cost_usd_micros, receipt.delivered_units) == (40_000, 2)
    assert [(run.state, run.outcome, run.provider_request_id) for run in receipt.attempts] == [
        ("succeeded", "sent", "req_1")
    ]
    with pytest.raises(NotFound):
        await served.generations.GetReceipt(pb.GetReceiptRequest(id=generation_id, user_id=format_id("usr", new_id())))


async def test_a_queued_generation_has_a_hold_reason(served: Served) -> None:
    user = await served.submitter.user()
    later = served.endings.clock.now().replace(microsecond=0)
    later = later.replace(year=later.year + 1)
    scheduled = await served.endings.queued(user, scheduled_at=later)
    await served.submitter.run("UPDATE accounts SET max_running = 1 WHERE user_id = %s", user)
    open_one, capped = await served.endings.queued(user), await served.endings.queued(user)
    await served.submitter.run("UPDATE queues SET state = 'paused' WHERE queue = 'sketch'")
    try:
        listed = await served.generations.ListGenerations(pb.ListGenerationsRequest(user_id=format_id("usr", user)))
    finally:
        await served.submitter.run("UPDATE queues SET state = 'open' WHERE queue = 'sketch'")
    told = {item.id: item for item in listed.generations}
    reasons = {job.id: told[format_id("gen", job.id)].waits_for for job in (scheduled, open_one, capped)}
    assert reasons == {scheduled.id: "scheduled", open_one.id: "paused", capped.id: "capped"}
    expected = Timestamp()
    expected.FromDatetime(later)
    assert told[format_id("gen", scheduled.id)].schedule_time == expected
    assert not told[format_id("gen", open_one.id)].HasField("eta")
    for job in (scheduled, open_one, capped):
        await served.endings.cancel(job)


async def test_statement_usage_proof_and_queue_are_answered(served: Served) -> None:
    user = await served.submitter.user()
    name = format_id("usr", user)
    await served.endings.completed(user, end_user="ann")
    first = await served.billing.ListTransactions(billing.ListTransactionsRequest(user_id=name, page_size=2))
    rest = await served.billing.ListTransactions(
        billing.ListTransactionsRequest(user_id=name, page_size=2, page_token=first.next_page_token)
    )
    kinds = [item.kind for item in (*first.transactions, *rest.transactions)]
    assert (kinds, rest.next_page_token) == (["capture", "hold", "grant"], "")
    usage = await served.billing.GetUsage(billing.GetUsageRequest(user_id=name, group_by=["end_user"]))
    assert [(list(row.group), row.credits) for row in usage.rows] == [(["ann"], 2)]
    proof = await served.billing.Reconcile(billing.ReconcileRequest())
    assert {check.name: check.violations for check in proof.checks} == dict.fromkeys(
        (check.name for check in proof.checks), 0
    )
    status = await served.operations.GetQueueStatus(operations.GetQueueStatusRequest())
    assert {queue.queue for queue in status.queues} >= {"sketch", "openai"}
    processed = await served.operations.ProcessQueue(operations.ProcessQueueRequest())
    assert processed.swept_jobs >= 0
    for request in (
        billing.ListTransactionsRequest(user_id=name, kind="bribe"),
        billing.ListTransactionsRequest(user_id=name, page_token="?"),
        billing.ListTransactionsRequest(user_id=name, page_size=1_001),
    ):
        with pytest.raises(Invalid):
            await served.billing.ListTransactions(request)
