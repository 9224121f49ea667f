"""What operators see and do, over the messages of OperationsService, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from google.protobuf.json_format import MessageToDict
from pixel.generation.v1 import generation_pb2 as messages
from pixel.generation.v1 import operations_service_pb2 as pb
from pixel_errors import Invalid
from pixel_generation.adapters.inbound.operations_grpc import OperationsServicer
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.operations import (
    PostgresActions,
    PostgresFailures,
    PostgresLanes,
    PostgresStatistics,
)
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application.live_catalogue import LiveCatalogue
from pixel_generation.application.operate_queue import QueueOperator
from pixel_generation.application.operations import Operations
from pixel_generation.application.ports import Verdict
from pixel_generation.application.read_statistics import read_statistics
from pixel_generation.application.redrive_failures import FailureDesk
from pixel_generation.application.resubmissions import Resubmissions
from pixel_generation.application.submission_batcher import SubmissionBatcher
from pixel_generation.domain.errors import LaneNotFound
from pixel_generation.domain.job import Gate, Status
from pixel_runtime.ids import format_id, new_id

from tests.fakes.generation_neighbours import FakeObserver
from tests.integration.generation.desk import Desk, open_desk
from tests.integration.generation.endings import NEVER_SENT, SENT, Endings
from tests.parts import MakeDatabase

ADMIN = format_id("usr", new_id())
CLASSES = ("blocked", "provider_rejected", "timeout", "expired", "provider_unavailable", "storage_failed")


@dataclass
class Desks:
    """Operators and the engine on one database."""

    desk: Desk
    endings: Endings
    operations: OperationsServicer
    woken: list[str]

    async def lane(self, name: str = "sketch") -> pb.Lane:
        status = await self.operations.ListLanes(pb.ListLanesRequest(), None)
        return next(lane for lane in status.lanes if lane.lane == name)

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
async def opened(make_database: MakeDatabase, *, window: int) -> AsyncIterator[Desks]:
    async with open_desk(make_database) as desk:
        endings, woken, observer = Endings(desk), list[str](), FakeObserver()
        batcher = SubmissionBatcher(desk.submissions, observer)
        source = PostgresCatalogue(desk.pool, default="studio-sketch", providers=frozenset({"sketch"}))
        resubmissions = Resubmissions(
            batcher, LiveCatalogue(source), endings.clock, observer, max_wait=timedelta(hours=1)
        )

        async def wake() -> int:
            woken.append("wake")
            return 1

        async def sweep() -> int:
            woken.append("sweep")
            return 2

        actions = PostgresActions(desk.pool)
        operations = Operations(
            queue=QueueOperator(PostgresLanes(desk.pool), wake_lanes=wake, sweep=sweep),
            failures=FailureDesk(
                PostgresFailures(desk.pool, window=window),
                actions,
                PostgresAllJobs(desk.pool),
                resubmissions,
                endings.clock,
                SystemRandomness(),
            ),
            statistics=partial(read_statistics, statistics=PostgresStatistics(desk.pool), clock=endings.clock),
            actions=actions,
        )
        await batcher.start()
        yield Desks(desk, endings, OperationsServicer(operations), woken)
        await batcher.stop()


@pytest.fixture
async def desks(make_database: MakeDatabase) -> AsyncIterator[Desks]:
    async with opened(make_database, window=10_000) as desks:
        yield desks


async def test_the_queue_is_told_by_lane_with_waits_and_runs(desks: Desks) -> None:
    user = await desks.desk.user()
    await desks.endings.completed(user)
    await desks.endings.claimed(user)
    await desks.endings.queued(user)
    await desks.endings.queued(user, scheduled_at=desks.endings.clock.now() + timedelta(hours=1))
    status = await desks.operations.GetQueueStatus(pb.GetQueueStatusRequest(), None)
    assert (status.queue_length, status.processing_count) == (1, 1)
    assert 0 <= status.average_wait_seconds < 60
    assert 0 <= status.estimated_processing_seconds < 60
    lane = next(lane for lane in status.lanes if lane.lane == "sketch")
    assert (lane.queued, lane.held_back, lane.running, lane.workers, lane.state) == (1, 1, 1, 0, "open")
    assert (lane.provider, lane.health, lane.HasField("max_running")) == ("sketch", "closed", False)
    assert 0 <= lane.oldest_wait_seconds < 60
    other = next(lane for lane in status.lanes if lane.lane == "openai")
    assert (other.queued, other.HasField("oldest_wait_seconds")) == (0, False)
    await desks.endings.queued(user)
    again = await desks.operations.GetQueueStatus(pb.GetQueueStatusRequest(), None)
    assert again == status, "it is measured at most once a second"


async def test_without_work_times_are_unknown_and_not_zero(desks: Desks) -> None:
    status = await desks.operations.GetQueueStatus(pb.GetQueueStatusRequest(), None)
    assert (status.queue_length, status.processing_count) == (0, 0)
    assert not status.HasField("average_wait_seconds")
    assert not status.HasField("estimated_processing_seconds")


async def test_processing_the_queue_wakes_and_sweeps_once(desks: Desks) -> None:
    answer = await desks.operations.ProcessQueue(pb.ProcessQueueRequest(), None)
    assert (answer.woken_lanes, answer.swept_jobs, desks.woken) == (1, 2, ["wake", "sweep"])


async def test_a_paused_lane_accepts_and_does_not_start_and_the_change_is_written_down(desks: Desks) -> None:
    user = await desks.desk.user()
    request = pb.UpdateLaneRequest(lane="sketch", state="paused", max_running=3, actor=ADMIN, reason="provider ill")
    lane = (await desks.operations.UpdateLane(request, None)).lane
    assert (lane.state, lane.max_running) == ("paused", 3)
    job = await desks.endings.queued(user)
    deadline = desks.endings.clock.now() + timedelta(minutes=5)
    claim = partial(desks.endings.jobs.claim, "sketch", 5, worker="w", lease_s=60, deadline_at=deadline)
    assert await claim() == []
    opened = pb.UpdateLaneRequest(lane="sketch", state="open", max_running=-1, actor=ADMIN)
    assert not (await desks.operations.UpdateLane(opened, None)).lane.HasField("max_running")
    assert [run.id for run in await claim()] == [job.id]
    await desks.operations.UpdateLane(pb.UpdateLaneRequest(lane="sketch", state="draining", actor=ADMIN), None)
    refused = await desks.desk.submit_one(desks.desk.new(user))
    assert refused.verdict is Verdict.LANE_CLOSED
    await desks.operations.UpdateLane(pb.UpdateLaneRequest(lane="sketch", max_queued=7, actor=ADMIN), None)
    assert (await desks.lane()).max_queued == 7
    actions = (await desks.operations.ListActions(pb.ListActionsRequest(), None)).actions
    assert [action.action for action in actions] == ["lane_limited", "lane_drained", "lane_opened", "lane_paused"]
    facts = MessageToDict(actions[-1].metadata)
    assert (facts["lane"], facts["reason"], facts["before"]["state"], facts["after"]["max_running"]) == (
        "sketch", "provider ill", "open", 3
    )  # fmt: skip
    assert {action.actor for action in actions} == {ADMIN}


async def test_a_lane_change_that_makes_no_sense_is_refused(desks: Desks) -> None:
    for change in (
        {},
        {"state": "closed"},
        {"max_running": 0},
        {"max_queued": 0},
        {"state": "open", "reason": "x" * 201},
    ):
        with pytest.raises(Invalid):
            await desks.operations.UpdateLane(pb.UpdateLaneRequest(lane="sketch", actor=ADMIN, **change), None)
    with pytest.raises(LaneNotFound):
        await desks.operations.UpdateLane(pb.UpdateLaneRequest(lane="none", state="open", actor=ADMIN), None)


async def six_classes(desks: Desks) -> dict[str, list[str]]:
    """Fail jobs of two users in six ways; return the ids by failure code."""
    ids: dict[str, list[str]] = {code: [] for code in CLASSES}
    for user in (await desks.desk.user(), await desks.desk.user()):
        for code in CLASSES:
            call = NEVER_SENT if code == "provider_unavailable" else SENT
            job = await desks.endings.failed(user, code=code, call=call, metadata={"secret": "label"}, end_user="ann")
            ids[code].append(format_id("gen", job.id))
    return ids


async def test_each_class_of_failure_is_shown_with_its_runs_and_without_the_users_words(desks: Desks) -> None:
    ids = await six_classes(desks)
    answer = await desks.operations.ListFailures(pb.ListFailuresRequest(), None)
    assert dict(answer.count_by_code) == dict.fromkeys(CLASSES, 2)
    for code in CLASSES:
        shown = await desks.failures(failure_code=code)
        assert [work.id for work in shown] == ids[code][::-1]
        assert {work.failure.code for work in shown} == {code}
    whole = await desks.failures()
    assert [work.id for work in whole] == [work.id for work in answer.failures]
    (work,) = await desks.failures(generation_id=ids["timeout"][0])
    assert (work.attempts[0].provider_request_id, work.attempts[0].outcome) == ("req_1", "sent")
    assert (work.model, work.released_credits) == ("studio-sketch", 2)
    payload = MessageToDict(work.redacted_payload)
    assert (payload["numberOfImages"], payload["promptCharacters"]) == (2, len("a lighthouse"))
    assert not {"lighthouse", "label", "ann"} & set(str(work).replace('"', " ").split())


async def test_failures_are_filtered_by_user_model_type_and_time(desks: Desks) -> None:
    await six_classes(desks)
    (newest, *_) = await desks.failures()
    assert len(await desks.failures(user_id=newest.user_id)) == 6
    assert len(await desks.failures(model="studio-sketch", job_type=messages.JOB_TYPE_IMAGE)) == 12
    assert await desks.failures(job_type=messages.JOB_TYPE_VIDEO) == []
    assert len(await desks.failures(ended_before=newest.end_time)) == 11
    assert [work.id for work in await desks.failures(ended_after=newest.end_time)] == [newest.id]


async def test_every_word_of_a_filter_counts_beside_the_id_of_a_generation(desks: Desks) -> None:
    ids = await six_classes(desks)
    (work,) = await desks.failures(generation_id=ids["timeout"][0], failure_code="timeout")
    for other in (
        {"failure_code": "blocked"},
        {"model": "gpt-image-2"},
        {"user_id": format_id("usr", new_id())},
        {"job_type": messages.JOB_TYPE_VIDEO},
        {"ended_before": work.end_time},
    ):
        assert await desks.failures(generation_id=work.id, **other) == []
    request = pb.RedriveFailuresRequest(
        filter=pb.FailureFilter(generation_id=work.id, failure_code="blocked"), actor=ADMIN
    )
    assert list((await desks.operations.RedriveFailures(request, None)).ids) == []


async def test_a_filter_reads_on_behind_the_failures_that_one_page_looks_at(make_database: MakeDatabase) -> None:
    async with opened(make_database, window=4) as desks:
        ids = await six_classes(desks)
        assert [work.id for work in await desks.failures(failure_code="blocked")] == ids["blocked"][::-1]


async def test_redriving_one_class_leaves_the_others(desks: Desks) -> None:
    ids = await six_classes(desks)
    which = pb.FailureFilter(failure_code="timeout")
    dry = await desks.operations.RedriveFailures(
        pb.RedriveFailuresRequest(filter=which, dry_run=True, actor=ADMIN), None
    )
    assert (sorted(dry.ids), len(await desks.failures())) == (sorted(ids["timeout"]), 12)
    request = pb.RedriveFailuresRequest(filter=which, rate_per_second=0.01, actor=ADMIN)
    redriven = await desks.operations.RedriveFailures(request, None)
    assert (sorted(redriven.ids), dict(redriven.refused)) == (sorted(ids["timeout"]), {})
    left = Counter(work.failure.code for work in await desks.failures())
    assert left == dict.fromkeys([code for code in CLASSES if code != "timeout"], 2)
    rows = await desks.desk.rows("SELECT gate, round, scheduled_at FROM jobs WHERE status = 'queued' ORDER BY gate")
    assert [(row["gate"], row["round"]) for row in rows] == [(Gate.OPEN, 2), (Gate.SCHEDULED, 2)]
    assert timedelta(seconds=95) < rows[1]["scheduled_at"] - rows[0]["scheduled_at"] < timedelta(seconds=105)
    actions = (await desks.operations.ListActions(pb.ListActionsRequest(generation_id=ids["timeout"][0]), None)).actions
    assert [(action.action, action.actor) for action in actions] == [("redrive", ADMIN)]


async def test_a_redrive_that_its_owner_cannot_pay_is_refused_by_name(desks: Desks) -> None:
    user = await desks.desk.user(2)
    job = await desks.endings.failed(user)
    await desks.endings.queued(user, images=1)
    request = pb.RedriveFailuresRequest(filter=pb.FailureFilter(failure_code="provider_rejected"), actor=ADMIN)
    answer = await desks.operations.RedriveFailures(request, None)
    assert dict(answer.refused) == {format_id("gen", job.id): "INSUFFICIENT_CREDITS"}
    assert list(answer.ids) == []
    for refused in (
        pb.RedriveFailuresRequest(actor=ADMIN),
        pb.RedriveFailuresRequest(filter=request.filter, limit=1_001),
        pb.RedriveFailuresRequest(filter=request.filter, rate_per_second=-1),
        pb.RedriveFailuresRequest(filter=request.filter, rate_per_second=float("nan")),
    ):
        with pytest.raises(Invalid):
            await desks.operations.RedriveFailures(refused, None)


async def test_two_redrives_at_once_queue_each_job_once(desks: Desks) -> None:
    await six_classes(desks)
    request = pb.RedriveFailuresRequest(filter=pb.FailureFilter(model="studio-sketch"), actor=ADMIN)
    answers = await asyncio.gather(*(desks.operations.RedriveFailures(request, None) for _ in range(2)))
    assert len({*answers[0].ids} | {*answers[1].ids}) == len([*answers[0].ids, *answers[1].ids]) == 12
    row = await desks.desk.row("SELECT count(*) FILTER (WHERE round = 2) AS again, max(round) AS most FROM jobs")
    assert (row["again"], row["most"]) == (12, 2)


async def test_statistics_are_the_sums_of_the_endings_and_costs_are_for_operators(desks: Desks) -> None:
    user, other = await desks.desk.user(), await desks.desk.user()
    jobs = await desks.endings.of_every_kind(user)
    await desks.endings.completed(other, images=1, delivered=1)
    own = await desks.operations.GetGenerationStats(pb.GetGenerationStatsRequest(user_id=format_id("usr", user)), None)
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
    everyone = await desks.operations.GetGenerationStats(pb.GetGenerationStatsRequest(), None)
    assert everyone.total_credits == own.total_credits + 1
    booked = await desks.desk.row(
        "SELECT sum(usd_micros)::bigint AS cost FROM ledger_entries WHERE account = 'provider_cost'"
    )
    assert dict(everyone.provider_cost_usd_micros) == {"sketch": booked["cost"]}
    nobody = await desks.operations.GetGenerationStats(
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
async def test_days_that_cannot_be_summed_are_refused(
    desks: Desks, first: datetime | None, last: datetime | None
) -> None:
    request = pb.GetGenerationStatsRequest()
    if first:
        request.start_time.FromDatetime(first)
    if last:
        request.end_time.FromDatetime(last)
    with pytest.raises(Invalid):
        await desks.operations.GetGenerationStats(request, None)


async def test_actions_are_read_by_pages_about_a_user(desks: Desks) -> None:
    user = await desks.desk.user()
    for _ in range(3):
        await desks.endings.cancelled_in_queue(user)
    await desks.endings.cancelled_in_queue(await desks.desk.user())
    whom = format_id("usr", user)
    first = await desks.operations.ListActions(pb.ListActionsRequest(user_id=whom, page_size=2), None)
    rest = await desks.operations.ListActions(
        pb.ListActionsRequest(user_id=whom, page_size=2, page_token=first.next_page_token), None
    )
    assert [len(first.actions), len(rest.actions), rest.next_page_token] == [2, 1, ""]
    assert {(action.user_id, action.action) for action in (*first.actions, *rest.actions)} == {(whom, "cancel")}
