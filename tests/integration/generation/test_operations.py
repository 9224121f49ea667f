"""OperationsService on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from pixel.generation.v1 import operations_service_pb2 as pb
from pixel_errors import Invalid
from pixel_generation.adapters.inbound.grpc.operations.servicer import OperationsServicer
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.caches.queues import CachedQueues
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.operations import (
    PostgresActions,
    PostgresFailures,
    PostgresQueues,
    PostgresStatistics,
)
from pixel_generation.adapters.outbound.postgres.set_aside import PostgresSetAside
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application import Application, Operations
from pixel_generation.application.operations.failed_jobs import RedriveTools, list_failures, redrive_failures
from pixel_generation.application.operations.list_actions import list_actions
from pixel_generation.application.operations.operate_queue import process_queue, update_queue
from pixel_generation.application.operations.ports import FailureList, Queues, Statistics
from pixel_generation.application.operations.read_statistics import read_statistics
from pixel_generation.application.submission.ports import Verdict
from pixel_generation.application.submission.resubmissions import ResubmitTools, resubmit_jobs
from pixel_generation.domain.errors import QueueNotFound
from pixel_generation.domain.jobs.job import HoldReason, Status
from pixel_generation.wiring.kinds import KINDS
from pixel_runtime.ids import format_id, new_id

from tests.fakes.generation_catalogue import painting
from tests.fakes.generation_neighbours import FakeObserver
from tests.integration.generation.endings import NEVER_SENT, SENT, Endings
from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase

CONTRACTS = {Queues: (PostgresQueues,), FailureList: (PostgresFailures,), Statistics: (PostgresStatistics,)}

ADMIN = format_id("usr", new_id())
CLASSES = ("blocked", "provider_rejected", "timeout", "expired", "provider_unavailable", "storage_failed")


@dataclass
class Operators:
    """Operators and the engine on one database."""

    submitter: Submitter
    endings: Endings
    operations: OperationsServicer
    signalled: list[str]

    async def queue(self, name: str = "sketch") -> pb.Queue:
        status = await self.operations.ListQueues(pb.ListQueuesRequest(), None)
        return next(queue for queue in status.queues if queue.queue == name)

    async def failures(self, **which: object) -> list[pb.FailedWork]:
        seen: list[pb.FailedWork] = []
        token = ""
        while True:
            request = pb.ListFailuresRequest(filter=pb.FailureFilter(**which), page_size=2, page_token=token)  # type: ignore[arg-type]
            answer = await self.operations.ListFailures(request, None)
            seen += answer.failures
            if not (token := answer.next_page_token):
                return seen


@asynccontextmanager
async def opened(make_database: MakeDatabase, *, window: int) -> AsyncIterator[Operators]:
    async with open_submitter(make_database) as submitter:
        endings, signalled, observer = Endings(submitter), list[str](), FakeObserver()
        submissions = BatchedSubmissions(submitter.submissions)
        source = PostgresCatalogue(submitter.pool, default="studio-sketch", providers=painting("sketch"))
        rounds = ResubmitTools(submissions, CachedCatalogue(source), endings.clock, observer, timedelta(hours=1))

        async def signal() -> int:
            signalled.append("signal")
            return 1

        async def sweep() -> int:
            signalled.append("sweep")
            return 2

        unused: Any = None
        pool = submitter.pool
        actions, failures = PostgresActions(pool), PostgresFailures(pool, KINDS, window=window)
        queues = CachedQueues(PostgresQueues(pool))
        redriving = RedriveTools(
            failures,
            actions,
            PostgresAllJobs(pool, KINDS),
            partial(resubmit_jobs, tools=rounds),
            endings.clock,
            SystemRandomness(),
        )
        operations = Operations(
            get_queues=queues.status,
            process_queue=partial(process_queue, signal_queues=signal, sweep=sweep),
            update_queue=partial(update_queue, queues=queues),
            get_statistics=partial(read_statistics, statistics=PostgresStatistics(pool), clock=endings.clock),
            list_failures=partial(list_failures, failures=failures, set_aside=PostgresSetAside(pool)),
            redrive_failures=partial(redrive_failures, tools=redriving),
            list_actions=partial(list_actions, actions=actions),
        )
        service = OperationsServicer(Application(unused, unused, operations))
        yield Operators(submitter, endings, service, signalled)
        await submissions.close()


@pytest.fixture
async def operators(make_database: MakeDatabase) -> AsyncIterator[Operators]:
    async with opened(make_database, window=10_000) as operators:
        yield operators


async def test_the_queue_view_lists_each_queue_with_queued_and_running_jobs(operators: Operators) -> None:
    user = await operators.submitter.user()
    await operators.endings.completed(user)
    await operators.endings.claimed(user)
    await operators.endings.queued(user)
    await operators.endings.queued(user, scheduled_at=operators.endings.clock.now() + timedelta(hours=1))
    status = await operators.operations.GetQueueStatus(pb.GetQueueStatusRequest(), None)
    assert (status.queue_length, status.processing_count) == (1, 1)
    assert 0 <= status.average_wait_seconds < 60
    assert 0 <= status.estimated_processing_seconds < 60
    queue = next(queue for queue in status.queues if queue.queue == "sketch")
    assert (queue.queued, queue.held_back, queue.running, queue.workers, queue.state) == (1, 1, 1, 0, "open")
    assert (queue.provider, queue.health, queue.HasField("max_running")) == ("sketch", "closed", False)
    assert 0 <= queue.oldest_wait_seconds < 60
    other = next(queue for queue in status.queues if queue.queue == "openai")
    assert (other.queued, other.HasField("oldest_wait_seconds")) == (0, False)
    await operators.endings.queued(user)
    again = await operators.operations.GetQueueStatus(pb.GetQueueStatusRequest(), None)
    assert again == status, "it is measured at most once a second"


async def test_without_jobs_durations_are_unknown_and_not_zero(operators: Operators) -> None:
    status = await operators.operations.GetQueueStatus(pb.GetQueueStatusRequest(), None)
    assert (status.queue_length, status.processing_count) == (0, 0)
    assert not status.HasField("average_wait_seconds")
    assert not status.HasField("estimated_processing_seconds")


async def test_processing_the_queue_signals_the_workers_and_sweeps_once(operators: Operators) -> None:
    answer = await operators.operations.ProcessQueue(pb.ProcessQueueRequest(), None)
    assert (answer.signalled_queues, answer.swept_jobs, operators.signalled) == (1, 2, ["signal", "sweep"])


async def test_a_paused_queue_accepts_and_does_not_start_and_the_change_is_recorded(operators: Operators) -> None:
    user = await operators.submitter.user()
    request = pb.UpdateQueueRequest(queue="sketch", state="paused", max_running=3, actor=ADMIN, reason="provider ill")
    queue = (await operators.operations.UpdateQueue(request, None)).queue
    assert (queue.state, queue.max_running) == ("paused", 3)
    job = await operators.endings.queued(user)
    deadline = operators.endings.clock.now() + timedelta(minutes=5)
    claim = partial(operators.endings.jobs.claim, "sketch", 5, worker="w", lease_s=60, deadline_at=deadline)
    assert await claim() == []
    opened = pb.UpdateQueueRequest(queue="sketch", state="open", max_running=-1, actor=ADMIN)
    assert not (await operators.operations.UpdateQueue(opened, None)).queue.HasField("max_running")
    assert [run.id for run in await claim()] == [job.id]
    await operators.operations.UpdateQueue(pb.UpdateQueueRequest(queue="sketch", state="draining", actor=ADMIN), None)
    refused = await operators.submitter.submit_one(operators.submitter.new(user))
    assert refused.verdict is Verdict.QUEUE_CLOSED
    await operators.operations.UpdateQueue(pb.UpdateQueueRequest(queue="sketch", max_queued=7, actor=ADMIN), None)
    assert (await operators.queue()).max_queued == 7
    actions = (await operators.operations.ListActions(pb.ListActionsRequest(), None)).actions
    assert [action.action for action in actions] == ["queue_limited", "queue_drained", "queue_opened", "queue_paused"]
    facts = MessageToDict(actions[-1].metadata)
    assert (facts["queue"], facts["reason"], facts["before"]["state"], facts["after"]["max_running"]) == (
        "sketch", "provider ill", "open", 3
    )  # fmt: skip
    assert {action.actor for action in actions} == {ADMIN}


async def test_an_invalid_queue_change_is_refused(operators: Operators) -> None:
    for change in (
        {},
        {"state": "closed"},
        {"max_running": 0},
        {"max_queued": 0},
        {"state": "open", "reason": "x" * 201},
    ):
        with pytest.raises(Invalid):
            await operators.operations.UpdateQueue(pb.UpdateQueueRequest(queue="sketch", actor=ADMIN, **change), None)
    with pytest.raises(QueueNotFound):
        await operators.operations.UpdateQueue(pb.UpdateQueueRequest(queue="none", state="open", actor=ADMIN), None)


async def six_classes(operators: Operators) -> dict[str, list[str]]:
    """Fail jobs of two users in six ways; return the ids by failure code."""
    ids: dict[str, list[str]] = {code: [] for code in CLASSES}
    for user in (await operators.submitter.user(), await operators.submitter.user()):
        for code in CLASSES:
            call = NEVER_SENT if code == "provider_unavailable" else SENT
            job = await operators.endings.failed(
                user, code=code, call=call, metadata={"secret": "label"}, end_user="ann"
            )
            ids[code].append(format_id("gen", job.id))
    return ids


async def test_each_failure_class_is_listed_with_its_runs_and_without_prompts(operators: Operators) -> None:
    ids = await six_classes(operators)
    answer = await operators.operations.ListFailures(pb.ListFailuresRequest(), None)
    assert dict(answer.count_by_code) == dict.fromkeys(CLASSES, 2)
    for code in CLASSES:
        shown = await operators.failures(failure_code=code)
        assert [work.id for work in shown] == ids[code][::-1]
        assert {work.failure.code for work in shown} == {code}
    whole = await operators.failures()
    assert [work.id for work in whole] == [work.id for work in answer.failures]
    (work,) = await operators.failures(generation_id=ids["timeout"][0])
    assert (work.attempts[0].provider_request_id, work.attempts[0].outcome) == ("req_1", "sent")
    assert (work.model, work.released_credits) == ("studio-sketch", 2)
    payload = MessageToDict(work.redacted_payload)
    assert (payload["numberOfImages"], payload["promptCharacters"]) == (2, len("a lighthouse"))
    assert not {"lighthouse", "label", "ann"} & set(str(work).replace('"', " ").split())


async def test_failures_are_filtered_by_user_model_type_and_time(operators: Operators) -> None:
    await six_classes(operators)
    (newest, *_) = await operators.failures()
    assert len(await operators.failures(user_id=newest.user_id)) == 6
    assert len(await operators.failures(model="studio-sketch", kind="image")) == 12
    assert await operators.failures(kind="video") == []
    assert len(await operators.failures(ended_before=newest.end_time)) == 11
    assert [work.id for work in await operators.failures(ended_after=newest.end_time)] == [newest.id]


async def test_every_filter_applies_together_with_a_generation_id(operators: Operators) -> None:
    ids = await six_classes(operators)
    (work,) = await operators.failures(generation_id=ids["timeout"][0], failure_code="timeout")
    for other in (
        {"failure_code": "blocked"},
        {"model": "gpt-image-2"},
        {"user_id": format_id("usr", new_id())},
        {"kind": "video"},
        {"ended_before": work.end_time},
    ):
        assert await operators.failures(generation_id=work.id, **other) == []
    request = pb.RedriveFailuresRequest(
        filter=pb.FailureFilter(generation_id=work.id, failure_code="blocked"), actor=ADMIN
    )
    assert list((await operators.operations.RedriveFailures(request, None)).ids) == []


async def test_a_filter_continues_past_the_failures_scanned_for_one_page(make_database: MakeDatabase) -> None:
    async with opened(make_database, window=4) as operators:
        ids = await six_classes(operators)
        assert [work.id for work in await operators.failures(failure_code="blocked")] == ids["blocked"][::-1]


async def test_redriving_one_class_leaves_the_others(operators: Operators) -> None:
    ids = await six_classes(operators)
    which = pb.FailureFilter(failure_code="timeout")
    dry = await operators.operations.RedriveFailures(
        pb.RedriveFailuresRequest(filter=which, dry_run=True, actor=ADMIN), None
    )
    assert (sorted(dry.ids), len(await operators.failures())) == (sorted(ids["timeout"]), 12)
    request = pb.RedriveFailuresRequest(filter=which, rate_per_second=0.01, actor=ADMIN)
    redriven = await operators.operations.RedriveFailures(request, None)
    assert (sorted(redriven.ids), dict(redriven.refused)) == (sorted(ids["timeout"]), {})
    left = Counter(work.failure.code for work in await operators.failures())
    assert left == dict.fromkeys([code for code in CLASSES if code != "timeout"], 2)
    rows = await operators.submitter.rows(
        "SELECT hold_reason, round, scheduled_at FROM live_jobs WHERE status = 'queued' ORDER BY hold_reason"
    )
    assert [(row["hold_reason"], row["round"]) for row in rows] == [(HoldReason.NONE, 2), (HoldReason.SCHEDULED, 2)]
    assert timedelta(seconds=95) < rows[1]["scheduled_at"] - rows[0]["scheduled_at"] < timedelta(seconds=105)
    actions = (
        await operators.operations.ListActions(pb.ListActionsRequest(generation_id=ids["timeout"][0]), None)
    ).actions
    assert [(action.action, action.actor) for action in actions] == [("redrive", ADMIN)]


async def test_a_redrive_that_its_owner_cannot_pay_is_refused_with_a_reason(operators: Operators) -> None:
    user = await operators.submitter.user(2)
    job = await operators.endings.failed(user)
    await operators.endings.queued(user, images=1)
    request = pb.RedriveFailuresRequest(filter=pb.FailureFilter(failure_code="provider_rejected"), actor=ADMIN)
    answer = await operators.operations.RedriveFailures(request, None)
    assert dict(answer.refused) == {format_id("gen", job.id): "INSUFFICIENT_CREDITS"}
    assert list(answer.ids) == []
    for refused in (
        pb.RedriveFailuresRequest(actor=ADMIN),
        pb.RedriveFailuresRequest(filter=request.filter, limit=1_001),
        pb.RedriveFailuresRequest(filter=request.filter, rate_per_second=-1),
        pb.RedriveFailuresRequest(filter=request.filter, rate_per_second=float("nan")),
    ):
        with pytest.raises(Invalid):
            await operators.operations.RedriveFailures(refused, None)


async def test_concurrent_redrives_queue_each_job_once(operators: Operators) -> None:
    await six_classes(operators)
    request = pb.RedriveFailuresRequest(filter=pb.FailureFilter(model="studio-sketch"), actor=ADMIN)
    answers = await asyncio.gather(*(operators.operations.RedriveFailures(request, None) for _ in range(2)))
    assert len({*answers[0].ids} | {*answers[1].ids}) == len([*answers[0].ids, *answers[1].ids]) == 12
    row = await operators.submitter.row(
        "SELECT count(*) FILTER (WHERE round = 2) AS again, max(round) AS most FROM live_jobs"
    )
    assert (row["again"], row["most"]) == (12, 2)


async def test_statistics_sum_ended_jobs_and_show_costs_to_operators_only(operators: Operators) -> None:
    user, other = await operators.submitter.user(), await operators.submitter.user()
    jobs = await operators.endings.of_every_kind(user)
    await operators.endings.completed(other, images=1, delivered=1)
    own = await operators.operations.GetGenerationStats(
        pb.GetGenerationStatsRequest(user_id=format_id("usr", user)), None
    )
    ended = Counter(job.status for job in jobs.values())
    assert own.successful_generations == ended[Status.COMPLETED]
    assert own.failed_generations == ended[Status.FAILED] + 1, "the first round of the job that was retried"
    assert own.cancelled_generations == ended[Status.CANCELLED]
    assert own.total_generations == len(jobs) + 1
    assert own.total_credits == sum(job.captured_credits or 0 for job in jobs.values()) == own.days[0].credits
    assert own.average_seconds >= 0
    assert [(model.model, model.generations) for model in own.models] == [("studio-sketch", len(jobs) + 1)]
    assert dict(own.credits_by_feature) == {"image": own.total_credits}
    assert dict(own.provider_cost_usd_micros) == {}
    everyone = await operators.operations.GetGenerationStats(pb.GetGenerationStatsRequest(), None)
    assert everyone.total_credits == own.total_credits + 1
    booked = await operators.submitter.row(
        "SELECT sum(usd_micros)::bigint AS cost FROM ledger_entries WHERE account = 'provider_cost'"
    )
    assert dict(everyone.provider_cost_usd_micros) == {"sketch": booked["cost"]}
    nobody = await operators.operations.GetGenerationStats(
        pb.GetGenerationStatsRequest(user_id=format_id("usr", new_id())), None
    )
    assert (nobody.total_generations, nobody.HasField("average_seconds")) == (0, False)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (None, datetime(9999, 12, 31, tzinfo=UTC)),
        (None, datetime(1, 1, 5, tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=UTC), None),
        (datetime(2026, 2, 2, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)),
        (datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
async def test_an_invalid_range_of_days_is_refused(
    operators: Operators, first: datetime | None, last: datetime | None
) -> None:
    request = pb.GetGenerationStatsRequest()
    if first:
        request.start_time.FromDatetime(first)
    if last:
        request.end_time.FromDatetime(last)
    with pytest.raises(Invalid):
        await operators.operations.GetGenerationStats(request, None)


async def test_actions_are_paged_and_filtered_by_user(operators: Operators) -> None:
    user = await operators.submitter.user()
    for _ in range(3):
        await operators.endings.cancelled_in_queue(user)
    await operators.endings.cancelled_in_queue(await operators.submitter.user())
    whom = format_id("usr", user)
    first = await operators.operations.ListActions(pb.ListActionsRequest(user_id=whom, page_size=2), None)
    rest = await operators.operations.ListActions(
        pb.ListActionsRequest(user_id=whom, page_size=2, page_token=first.next_page_token), None
    )
    assert [len(first.actions), len(rest.actions), rest.next_page_token] == [2, 1, ""]
    assert {(action.user_id, action.action) for action in (*first.actions, *rest.actions)} == {(whom, "cancel")}
