"""A quote and the submission after it agree."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from pixel_errors import PixelError
from pixel_generation.adapters.inbound.grpc.generations.quote_codec import quote_to_proto
from pixel_generation.application.submission.new_job import JobLimits
from pixel_generation.application.submission.quote import Quote, quote_generation
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
from pixel_generation.domain.errors import WorkInvalid
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import MESSAGES

from tests.conftest import WaitUntil
from tests.fakes.generation import FakeRandomness
from tests.fakes.generation_outputs import image_of
from tests.unit.generation.conftest import Engine
from tests.unit.generation.test_routing import anything

FOX = ImageWork("a fox")


async def quote(engine: Engine, command: SubmitGeneration) -> Quote:
    return await quote_generation(
        command,
        dry_runs=engine.store,
        catalogue=engine.catalogue,
        starts=engine.starts,
        capacity=engine.capacity,
        clock=engine.clock,
        randomness=FakeRandomness(),
        limits=JobLimits(timedelta(hours=1), 2),
    )


async def quote_or_rejection(engine: Engine, command: SubmitGeneration) -> Quote | PixelError:
    try:
        return await quote(engine, command)
    except PixelError as rejection:
        return rejection


async def test_a_thousand_quotes_agree_with_the_submissions_after_them(engine: Engine) -> None:
    chance, agreed = random.Random(5), 0
    user = await engine.user(100_000)
    for _ in range(1_000):
        work = replace(anything(chance), model=chance.choice(["", "auto", "dall-e-3", "studio-sketch"]))
        command = SubmitGeneration(user, work, adjust=chance.random() < 0.5, allow_fallback=chance.random() < 0.5)
        quoted = await quote_or_rejection(engine, command)
        if isinstance(quoted, PixelError):
            (outcome,) = await engine.submit(command)
            assert type(outcome) is type(quoted)
            continue
        (outcome,) = await engine.submit(command)
        assert isinstance(outcome, Accepted)
        job = engine.job(outcome.job_id)
        assert quoted.would_be_refused == ""
        assert (quoted.job.route, quoted.job.adjustments) == (job.route, job.adjustments)
        assert (quoted.job.cost_credits, quoted.job.price_id) == (job.cost_credits, job.price_id)
        assert replace(image_of(quoted.job), seed=None) == replace(image_of(job), seed=None)
        agreed += 1
    assert agreed > 200


async def test_a_quote_holds_nothing_and_lists_what_would_refuse_the_submission(engine: Engine) -> None:
    user = await engine.user(5)
    enough = await quote(engine, SubmitGeneration(user, replace(FOX, number_of_images=5)))
    short = await quote(engine, SubmitGeneration(user, replace(FOX, number_of_images=6)))
    assert (enough.would_be_refused, short.would_be_refused) == ("", "INSUFFICIENT_CREDITS")
    assert (short.job.cost_credits, short.credits_per_unit, short.available_credits) == (6, 1, 5)
    assert (await engine.store.balance(user)).held == 0
    assert engine.store.rows == {}


async def test_unsupported_work_has_no_price(engine: Engine) -> None:
    with pytest.raises(WorkInvalid):
        await quote(engine, SubmitGeneration(await engine.user(), replace(FOX, size="9x9")))


async def test_a_quote_over_grpc_has_route_adjustments_and_times(engine: Engine) -> None:
    command = SubmitGeneration(await engine.user(), replace(FOX, size="520x500"), adjust=True, allow_fallback=True)
    told = quote_to_proto(await quote(engine, command), MESSAGES)
    assert (told.cost_credits, told.price_id, told.image.size) == (1, "studio-sketch/1", "640x512")
    assert [(each.field, each.requested, each.used) for each in told.adjustments] == [("size", "520x500", "640x512")]
    assert (told.route.model, told.route.rule) == ("studio-sketch", "default")
    assert [(each.model, each.excluded_because) for each in told.route.candidates] == [
        ("studio-sketch", ""),
        ("gpt-image-2.5-flare", "unsupported_size"),
    ]
    assert told.HasField("eta")
    assert told.run_seconds == 1.0


async def test_a_submission_stores_its_quoted_start(engine: Engine) -> None:
    job = engine.job(await engine.accepted(await engine.user()))
    assert job.start_after == job.created_at
    assert job.start_before is not None
    assert job.start_before > job.created_at


async def test_a_quote_reports_a_full_queue(engine: Engine, wait_until: WaitUntil) -> None:
    command = SubmitGeneration(await engine.user(), FOX)
    engine.counts.max_queued = 1
    await engine.submit(command)
    await wait_until(lambda: engine.counts.counted == 1)
    await engine.submit(command)
    (refused,) = await engine.submit(command)
    assert isinstance(refused, PixelError)
    assert (await quote(engine, command)).would_be_refused == refused.code == "QUEUE_FULL"
