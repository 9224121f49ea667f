"""A row that cannot be processed is set aside, counted and listed for operators; other jobs continue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pixel.generation.v1 import operations_service_pb2 as pb
from pixel_generation.adapters.inbound.grpc.operations.servicer import OperationsServicer
from pixel_generation.adapters.outbound.postgres.queries import PostgresQueries
from pixel_generation.application.maintenance.change_jobs import BATCH
from pixel_generation.application.maintenance.duty import run_all
from pixel_generation.application.reading.page import FIRST
from pixel_generation.application.reading.ports import GenerationFilter
from pixel_generation.domain.jobs.job import Job
from pixel_generation.settings import Settings
from pixel_generation.wiring.adapters import Adapters, open_adapters
from pixel_generation.wiring.duties import sweep_duties
from pixel_generation.wiring.kinds import KINDS
from pixel_generation.wiring.relay import relay_parts
from pixel_generation.wiring.serve import bind_application
from pixel_runtime.ids import format_id
from prometheus_client import REGISTRY

from tests.integration.generation.endings import Endings
from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase

BREAKAGES = {
    "an unknown field": """SET work = '{"nonsense": 1}'""",
    "a list in place of fields": "SET work = '[]'",
    "an unknown kind": "SET kind = 'sculpture'",
    "outputs that are none": """SET outputs = '[{"nonsense": 1}]'""",
}


@dataclass
class Clockwork:
    """The leader's duties on a real database, done by hand."""

    submitter: Submitter
    settings: Settings
    adapters: Adapters

    async def job(self, user: UUID) -> Job:
        item = self.submitter.new(user)
        assert (await self.submitter.submit_one(item)).verdict == "accepted"
        return item.job

    async def cancelled_after(self, user: UUID, *, seconds: int = 1) -> Job:
        """Submit a job whose `cancelAfter` is over."""
        past = datetime.now(UTC) - timedelta(seconds=seconds)
        item = self.submitter.new(user, cancel_at=past, deadline_at=past)
        assert (await self.submitter.submit_one(item)).verdict == "accepted"
        return item.job

    async def lost(self, user: UUID) -> Job:
        """Submit a job whose worker is gone."""
        job = await self.job(user)
        await self.submitter.run(
            "UPDATE live_jobs SET status = 'processing', stage = 'starting', progress = 10, sequence = sequence + 1,"
            " attempt = 1, worker = 'gone', started_at = now(), lease_until = now() - interval '1 second'"
            " WHERE id = %s",
            job.id,
        )
        await self.submitter.run(
            "INSERT INTO attempts (job_id, attempt, round, worker, model, provider)"
            " VALUES (%s, 1, 1, 'gone', 'studio-sketch', 'sketch')",
            job.id,
        )
        return job

    async def damage(self, job: Job, breakage: str = BREAKAGES["an unknown field"]) -> None:
        await self.submitter.run(f"UPDATE live_jobs {breakage} WHERE id = %s", job.id)

    async def round(self) -> int:
        duties = sweep_duties(self.settings, self.adapters)
        return await run_all(duties, leadership=self.adapters.leadership, observer=self.adapters.duty_metrics)

    async def status(self, job: Job) -> str:
        return str((await self.submitter.row("SELECT status FROM live_jobs WHERE id = %s", job.id))["status"])

    async def listed(self) -> list[pb.SetAsideJob]:
        servicer = OperationsServicer(bind_application(self.settings, self.adapters))
        return list((await servicer.ListFailures(pb.ListFailuresRequest(), None)).set_aside)


@pytest.fixture
async def clockwork(make_database: MakeDatabase) -> AsyncIterator[Clockwork]:
    async with open_submitter(make_database) as submitter:
        settings = Settings(database_url=submitter.url)
        async with open_adapters(settings) as adapters:
            yield Clockwork(submitter, settings, adapters)


def set_aside(duty: str) -> float:
    return REGISTRY.get_sample_value("pixel_rows_set_aside_total", {"duty": duty}) or 0


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES.keys())
async def test_other_users_are_served_while_a_row_is_broken(clockwork: Clockwork, breakage: str) -> None:
    alice, bob = await clockwork.submitter.user(), await clockwork.submitter.user()
    broken, late = await clockwork.cancelled_after(alice, seconds=9), await clockwork.cancelled_after(bob)
    lost, stuck = await clockwork.lost(bob), await clockwork.lost(alice)
    await clockwork.damage(broken, breakage)
    await clockwork.damage(stuck, breakage)
    before = set_aside("expire"), set_aside("rescue")
    assert await clockwork.round() == 2
    assert [await clockwork.status(job) for job in (late, lost)] == ["cancelled", "queued"]
    assert [await clockwork.status(job) for job in (broken, stuck)] == ["queued", "processing"]
    assert (set_aside("expire"), set_aside("rescue")) == (before[0] + 1, before[1] + 1)
    told = {(job.id, job.duty): job for job in await clockwork.listed()}
    assert told.keys() == {(format_id("gen", broken.id), "expire"), (format_id("gen", stuck.id), "rescue")}
    assert all(job.reason and job.failures == 1 for job in told.values())
    assert all(job.look_again_time.seconds - job.last_time.seconds == 10 for job in told.values())


async def test_a_set_aside_job_is_tried_again_later_and_removed_once_repaired(
    clockwork: Clockwork,
) -> None:
    job = await clockwork.cancelled_after(await clockwork.submitter.user())
    (work,) = await clockwork.submitter.rows("SELECT work::text FROM live_jobs WHERE id = %s", job.id)
    await clockwork.damage(job)
    due = "UPDATE set_aside_jobs SET look_again_at = now()"
    for failures, pause_s in enumerate((10, 20, 40), start=1):
        await clockwork.round()
        await clockwork.round()  # it rests: this one passes over it
        (told,) = await clockwork.listed()
        assert (told.failures, told.look_again_time.seconds - told.last_time.seconds) == (failures, pause_s)
        await clockwork.submitter.run(due)
    await clockwork.submitter.run("UPDATE live_jobs SET work = %s::jsonb WHERE id = %s", work["work"], job.id)
    assert await clockwork.round() == 1
    assert await clockwork.status(job) == "cancelled"
    await clockwork.submitter.run("UPDATE set_aside_jobs SET look_again_at = now() - interval '2 minutes'")
    await clockwork.round()
    assert await clockwork.submitter.rows("SELECT 1 FROM set_aside_jobs") == []


async def test_more_broken_rows_than_one_batch_do_not_block_other_jobs(clockwork: Clockwork) -> None:
    alice, bob = await clockwork.submitter.user(1_000), await clockwork.submitter.user()
    past = datetime.now(UTC) - timedelta(minutes=1)
    items = [clockwork.submitter.new(alice, cancel_at=past, deadline_at=past) for _ in range(BATCH + 20)]
    assert {decision.verdict for decision in await clockwork.submitter.submit(*items)} == {"accepted"}
    await clockwork.submitter.run(f"UPDATE live_jobs {BREAKAGES['an unknown field']}")
    late = await clockwork.cancelled_after(bob)
    assert await clockwork.round() == 0
    assert await clockwork.round() == 1
    assert await clockwork.status(late) == "cancelled"


async def test_a_claim_and_a_list_skip_a_broken_row(clockwork: Clockwork) -> None:
    user = await clockwork.submitter.user()
    broken, sound = await clockwork.job(user), await clockwork.job(user)
    await clockwork.damage(broken)
    queries: Any = PostgresQueries(clockwork.adapters.pool, KINDS)
    page = await queries.page(GenerationFilter(user), before=FIRST, limit=10)
    assert [standing.job.id for standing in page.items] == [sound.id]
    deadline = datetime.now(UTC) + timedelta(minutes=5)
    claimed = await clockwork.adapters.jobs.claim("sketch", 2, worker="w", lease_s=15, deadline_at=deadline)
    assert [job.id for job in claimed] == [sound.id]


async def test_a_broken_failure_does_not_hide_the_list_of_failures(clockwork: Clockwork) -> None:
    user = await clockwork.submitter.user()
    jobs = [await Endings(clockwork.submitter).failed(user) for _ in range(2)]
    await clockwork.damage(jobs[0])
    servicer = OperationsServicer(bind_application(clockwork.settings, clockwork.adapters))
    failures = (await servicer.ListFailures(pb.ListFailuresRequest(), None)).failures
    assert [work.id for work in failures] == [format_id("gen", jobs[1].id)]


async def test_an_interval_of_an_unknown_duty_is_refused_at_the_start(clockwork: Clockwork) -> None:
    bus: Any = None
    intervals = replace(clockwork.settings, duty_intervals="archive=60;sleep=1")
    with pytest.raises(ValueError, match="sleep"):
        relay_parts(intervals, clockwork.adapters, bus)
    names = [part.name for part in relay_parts(clockwork.settings, clockwork.adapters, bus)[1:]]
    assert len(names) == len(set(names)) == 13
