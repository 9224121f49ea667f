"""Contract of every kind of work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from pixel_generation.application.execution.runner import Assignment, Produced, Runner, StepDone
from pixel_generation.application.execution.runners.image import ImageRunner
from pixel_generation.domain.catalogue.catalogue import Model, Price
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.jobs.step import Step
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.domain.work.stage import Stage
from pixel_generation.domain.work.work import Fitted, Followed, Priced, Work

from tests.fakes.generation import FakeClock, a_user
from tests.fakes.generation_catalogue import SKETCH
from tests.fakes.generation_neighbours import FakeTextToImage
from tests.fakes.sleep_kind import KINDS, Dormitory, SleepRunner, SleepWork

CONTRACTS = {
    Priced: (ImageWork, SleepWork),
    Fitted: (ImageWork, SleepWork),
    Followed: (ImageWork, SleepWork),
    Work: (ImageWork, SleepWork),
    Runner: (ImageRunner, SleepRunner),
}
BED = Model(
    "deep-sleep", "dormitory", "deep", "Deep sleep", "sleep", 2, {},
    capabilities=frozenset({"sleeping"}), prices=(Price("deep-sleep/1", "deep-sleep", 2),),
)  # fmt: skip


@dataclass
class Kind:
    asked: Work
    wrong: Work
    model: Model
    runner: Runner


def image() -> Kind:
    asked = ImageWork("a secret fox", number_of_images=3, style="ink")
    return Kind(asked, replace(asked, prompt=""), SKETCH, ImageRunner({"sketch": FakeTextToImage()}))


def sleep() -> Kind:
    asked = SleepWork(6, diary="a secret dream")
    return Kind(asked, SleepWork(5), BED, SleepRunner({"dormitory": Dormitory()}))


@pytest.fixture(params=[image, sleep], ids=["image", "sleep"])
def kind(request: pytest.FixtureRequest) -> Kind:
    made: Kind = request.param()
    return made


def settled(kind: Kind) -> Work:
    return kind.asked.fit(kind.model).work.drawn(kind.model, lambda: 7)


def running(work: Work) -> Job:
    now = FakeClock().now()
    job = Job(a_user(), a_user(), a_user(), work, "q", 2 * work.units, now, now + timedelta(hours=1), now)
    return job.claimed(at=now, deadline_at=now + timedelta(minutes=5)).calling()


async def said_by(kind: Kind, job: Job, steps: Sequence[Step] = ()) -> list[Any]:
    assignment = Assignment(job, kind.model, 60, {step.key: step for step in steps})
    async with asyncio.timeout(5), aclosing(kind.runner.run(assignment)) as run:  # type: ignore[type-var]
        return [said async for said in run]


def test_stored_work_reads_back_unchanged(kind: Kind) -> None:
    work = settled(kind)
    stored = json.loads(json.dumps(work.as_dict()))
    assert KINDS.read(work.kind, stored) == work
    assert work.fingerprint() == KINDS.read(work.kind, stored).fingerprint() != kind.wrong.fingerprint()


def test_operators_see_no_text_of_the_user(kind: Kind) -> None:
    assert "secret" not in json.dumps(kind.asked.redacted())
    assert kind.asked.redacted()["model"] == kind.asked.model


def test_work_is_refused_or_resolved_once(kind: Kind) -> None:
    assert [*kind.wrong.violations()]
    assert not [*kind.asked.violations()]
    fit = kind.asked.fit(kind.model)
    assert (fit.violations, fit.work.model) == ((), kind.model.id)
    work = settled(kind)
    assert work.moved_to(kind.model) == work
    assert (work.fit(kind.model).work, work.drawn(kind.model, lambda: 8)) == (work, work)


def test_work_has_the_values_and_units_for_pricing(kind: Kind) -> None:
    work = settled(kind)
    assert kind.model.prices[0].applies_to(work.quality, work.size)
    assert work.units >= 1


def test_progress_rises_with_delivered_units_and_each_stage_has_a_message(kind: Kind) -> None:
    percents = [kind.asked.progress(delivered) for delivered in range(kind.asked.units + 1)]
    assert percents == sorted(percents)
    assert 10 < percents[0] < percents[-1] < 100
    assert all(kind.asked.step(stage, 1) for stage in (Stage.STARTING, Stage.GENERATING, Stage.UPLOADING))


async def test_a_run_delivers_every_unit_once(kind: Kind) -> None:
    assert kind.runner.is_repeatable(kind.model)
    said = await said_by(kind, running(settled(kind)))
    produced = [each for each in said if isinstance(each, Produced)]
    produced += [each.produced for each in said if isinstance(each, StepDone) and each.produced is not None]
    assert sum(each.units for each in produced) == kind.asked.units
    assert sorted(each.index for each in produced) == [*range(len(produced))]


async def test_a_run_continues_after_its_finished_steps(kind: Kind) -> None:
    job = running(settled(kind))
    done = [each for each in await said_by(kind, job) if isinstance(each, StepDone)]
    assert bool(done) == kind.asked.is_durable
    steps = [Step(each.key, is_finished=True, output=each.output) for each in done]
    again = await said_by(kind, job, steps[:2])
    assert [each.key for each in again if isinstance(each, StepDone)] == [step.key for step in steps[2:]]
    await kind.runner.abandon(Assignment(job, kind.model, 60, {step.key: step for step in steps}))
