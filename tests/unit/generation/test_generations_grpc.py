"""SubmitMany when the store becomes unreachable after it has accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from pixel.generation.v1 import generation_pb2 as messages
from pixel.generation.v1 import generations_service_pb2 as pb
from pixel_errors import PixelError, Unavailable
from pixel_generation.adapters.inbound.grpc.generations.servicer import GenerationsServicer
from pixel_generation.application import Application, Generations
from pixel_generation.application.reading.ports import PositionedJob
from pixel_generation.application.reading.read_generations import describe_accepted, find_generation
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
from pixel_generation.wiring.kinds import MESSAGES
from pixel_runtime.ids import format_id

from tests.unit.generation.conftest import Engine


async def unused(*_: object) -> NoReturn:
    raise AssertionError("these tests read no receipt and ask for no quote")


def servicer(engine: Engine) -> GenerationsServicer:
    async def submit(commands: Sequence[SubmitGeneration]) -> list[Accepted | PixelError]:
        return await engine.submit(*commands)

    known = {
        "submit": submit,
        "find": partial(find_generation, tools=engine.reading),
        "describe_accepted": partial(describe_accepted, tools=engine.reading),
    }
    use_cases: Any = {field.name: known.get(field.name, unused) for field in fields(Generations)}
    nothing: Any = None
    return GenerationsServicer(Application(Generations(**use_cases), nothing, nothing), MESSAGES)


def request(user: UUID, *keys: str) -> pb.SubmitManyRequest:
    work = messages.ImageWork(prompt="a fox", number_of_images=1)
    return pb.SubmitManyRequest(
        submissions=[
            pb.Submission(user_id=format_id("usr", user), image=work, idempotency_key=key, route="r") for key in keys
        ]
    )


async def test_an_accepted_job_has_no_estimates_when_its_queue_cannot_be_measured(engine: Engine) -> None:
    engine.snapshots.trouble = Unavailable("away")
    answer = await servicer(engine).SubmitMany(request(await engine.user(), "a", "b", "c"), None)
    assert [result.generation.status for result in answer.results] == [messages.GENERATION_STATUS_QUEUED] * 3
    told = answer.results[0].generation
    assert told.queue_position == 0
    assert not told.HasField("eta")
    assert not told.HasField("estimated_seconds_remaining")


async def test_a_repeated_submission_that_cannot_be_read_is_an_error_of_its_item(engine: Engine) -> None:
    user = await engine.user()
    service = servicer(engine)
    await service.SubmitMany(request(user, "old"), None)

    async def away(ids: list[UUID], user_id: UUID) -> dict[UUID, PositionedJob]:
        raise Unavailable("no answer")

    engine.store.find = away  # type: ignore[method-assign]
    answer = await service.SubmitMany(request(user, "new", "old", "newer"), None)
    assert [result.WhichOneof("outcome") for result in answer.results] == ["generation", "error", "generation"]
    assert (answer.results[1].error.kind, answer.results[1].error.detail) == ("unavailable", "no answer")
