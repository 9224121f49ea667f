"""The whole service on PostgreSQL: submit over gRPC, generate, store, settle, publish."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
import psycopg
import pytest
from pixel.generation.v1 import billing_service_pb2 as billing
from pixel.generation.v1 import events_pb2
from pixel.generation.v1 import generation_pb2 as messages
from pixel.generation.v1 import generations_service_pb2 as pb
from pixel.generation.v1.billing_service_pb2_grpc import BillingServiceStub
from pixel.generation.v1.generations_service_pb2_grpc import GenerationsServiceStub
from pixel.media.v1.assets_service_pb2_grpc import add_AssetsServiceServicer_to_server
from pixel_errors import Exhausted, Invalid, NotFound
from pixel_events import Event, PostgresBus
from pixel_generation.main import build
from pixel_generation.settings import Settings
from pixel_rpc import RpcServer, open_channel
from pixel_runtime.ids import format_id, new_id

from tests.conftest import WaitUntil
from tests.fakes.generation_media import FakeAssetsServicer
from tests.parts import MakeDatabase

ROUTE = "POST /api/generations"
STORY = ["image.generation.requests", "image.generation.status", "image.generation.complete", "image.generation.failed"]


@dataclass
class Running:
    """A running service with fakes of other services."""

    channel: grpc.aio.Channel
    media: FakeAssetsServicer
    bus: PostgresBus
    admin_url: str

    def __post_init__(self) -> None:
        self.generations = GenerationsServiceStub(self.channel)
        self.billing = BillingServiceStub(self.channel)

    async def user(self, credit_count: int = 100) -> str:
        user = format_id("usr", new_id())
        await self.billing.GrantCredits(
            billing.GrantCreditsRequest(user_id=user, credits=credit_count, grant_id="signup", reason="welcome")
        )
        return user

    async def balance(self, user: str) -> tuple[int, int]:
        answer = await self.billing.GetBalance(billing.GetBalanceRequest(user_id=user))
        return answer.available_credits, answer.held_credits

    async def submit(self, user: str, *, key: str = "", **work: object) -> pb.SubmissionResult:
        wanted = messages.ImageWork(**{"prompt": "a fox", "number_of_images": 1, "size": "256x256"} | work)  # type: ignore[arg-type]
        item = pb.Submission(user_id=user, image=wanted, idempotency_key=key, route=ROUTE)
        return (await self.generations.SubmitMany(pb.SubmitManyRequest(submissions=[item]))).results[0]

    async def get(self, user: str, generation_id: str) -> messages.Generation:
        request = pb.GetGenerationRequest(id=generation_id, user_id=user)
        return (await self.generations.GetGeneration(request)).generation


@pytest.fixture(scope="module")
async def running(make_database: MakeDatabase, wait_until: WaitUntil) -> AsyncIterator[Running]:
    database, log = await make_database("generation"), await make_database("bus")
    bus = PostgresBus(log.url)
    await bus.ensure_topics()
    media = FakeAssetsServicer()
    server = RpcServer(
        "media",
        "127.0.0.1:0",
        lambda grpc_server: add_AssetsServiceServicer_to_server(media, grpc_server),
        services=["pixel.media.v1.AssetsService"],
    )
    await server.start()
    settings = Settings(
        database_url=database.url, grpc_address="127.0.0.1:0", media_address=server.address, bus_url=log.url
    )
    async with build(settings) as service:
        await service.start()

        async def is_ready() -> bool:
            return await service.ready() == {"postgres": "ok", "requests": "ok"}

        await wait_until(is_ready)
        address = next(part.address for part in service.parts if isinstance(part, RpcServer))
        async with open_channel(address) as channel:
            yield Running(channel, media, bus, database.admin_url)
        await service.stop()
    await server.stop()
    await bus.close()


def is_ended(generation: messages.Generation | messages.GenerationEvent) -> bool:
    return generation.status >= messages.GENERATION_STATUS_COMPLETED


async def test_a_submitted_job_is_generated_stored_charged_and_published(
    running: Running, wait_until: WaitUntil
) -> None:
    user = await running.user(10)
    follower = running.bus.follower(STORY)
    await follower.start()
    accepted = (await running.submit(user, number_of_images=2, seed=7)).generation
    assert accepted.status == messages.GENERATION_STATUS_QUEUED
    assert (accepted.cost_credits, accepted.image.model, accepted.queue_position >= 1) == (2, "studio-sketch", True)

    async def ended() -> bool:
        return is_ended(await running.get(user, accepted.id))

    await wait_until(ended, timeout_s=20)
    done = await running.get(user, accepted.id)
    assert done.status == messages.GENERATION_STATUS_COMPLETED
    assert [(image.index, image.width, image.seed) for image in done.outputs] == [(0, 256, 7), (1, 256, 8)]
    assert {image.asset_id for image in done.outputs} <= running.media.stored.keys()
    assert (done.progress, done.captured_credits, await running.balance(user)) == (100, 2, (8, 0))
    heard: list[Event] = []

    async def the_end_was_heard() -> bool:
        heard.extend(await follower.receive(100, 0.1))
        told = [event.message() for event in heard]
        ends = [message for message in told if isinstance(message, events_pb2.GenerationStatusChanged)]
        return "image.generation.complete" in {event.topic for event in heard} and any(
            is_ended(message.event) for message in ends
        )

    await wait_until(the_end_was_heard)
    await follower.close()
    assert {event.topic for event in heard} == set(STORY) - {"image.generation.failed"}
    assert {(event.key, event.source) for event in heard} == {(user, "/generation")}
    (complete,) = [event.message() for event in heard if event.topic == "image.generation.complete"]
    assert isinstance(complete, events_pb2.ImageGenerationCompleted)
    assert (complete.request_id, complete.set_id, len(complete.outputs)) == (done.id, done.set_id, 2)


async def test_the_stored_events_cover_the_whole_life_of_a_job(running: Running, wait_until: WaitUntil) -> None:
    user = await running.user()
    accepted = (await running.submit(user)).generation

    async def ended() -> bool:
        return is_ended(await running.get(user, accepted.id))

    await wait_until(ended, timeout_s=20)
    request = pb.ListGenerationEventsRequest(id=accepted.id, user_id=user)
    events = (await running.generations.ListGenerationEvents(request)).events
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.current_step for event in events] == [
        "Waiting in queue",
        "Making 1 image",
        "AI is generating your images",
        "Uploading to storage (1 of 1)",
        "Done",
    ]
    request.after_sequence = 3
    assert len((await running.generations.ListGenerationEvents(request)).events) == len(events) - 3


async def test_images_are_stored_after_a_short_outage_of_media(running: Running, wait_until: WaitUntil) -> None:
    user = await running.user()
    running.media.away = 2
    accepted = (await running.submit(user)).generation

    async def completed() -> bool:
        return (await running.get(user, accepted.id)).status == messages.GENERATION_STATUS_COMPLETED

    await wait_until(completed, timeout_s=20)


async def test_the_ledger_is_balanced_and_agrees_with_the_balances(running: Running) -> None:
    async with await psycopg.AsyncConnection.connect(running.admin_url, options="-c search_path=generation") as conn:
        cursor = await conn.execute(
            "SELECT transfer_id FROM ledger_entries GROUP BY transfer_id HAVING sum(credits) <> 0"
        )
        assert await cursor.fetchall() == []
        cursor = await conn.execute(
            """
            SELECT c.user_id
            FROM accounts AS c
            LEFT JOIN ledger_entries AS e ON e.user_id = c.user_id
            GROUP BY c.user_id
            HAVING c.available <> sum(e.credits) FILTER (WHERE e.account = 'user_available')
                OR c.held <> coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_held'), 0)
            """
        )
        assert await cursor.fetchall() == []


@pytest.mark.parametrize(
    ("work", "reason", "field"),
    [
        ({"prompt": ""}, "INVALID_GENERATION", "prompt"),
        ({"number_of_images": 0}, "INVALID_GENERATION", "numberOfImages"),
        ({"size": "", "aspect_ratio": "7:0"}, "INVALID_GENERATION", "aspectRatio"),
        ({"seed": -1}, "INVALID_GENERATION", "seed"),
        ({"model": "midjourney"}, "MODEL_NOT_FOUND", ""),
        ({"model": "dall-e-3", "size": ""}, "MODEL_UNAVAILABLE", ""),
        ({"number_of_images": 10}, "INSUFFICIENT_CREDITS", ""),
    ],
)
async def test_a_rejection_has_a_reason(running: Running, work: dict[str, Any], reason: str, field: str) -> None:
    user = await running.user(5)
    result = await running.submit(user, **work)
    assert (result.error.reason, result.error.field, bool(result.error.detail)) == (reason, field, True)
    assert await running.balance(user) == (5, 0)


async def test_a_repeated_key_answers_with_the_first_generation(running: Running) -> None:
    user = await running.user()
    first, again = await running.submit(user, key="k"), await running.submit(user, key="k")
    other = await running.submit(user, key="k", prompt="a dog")
    assert (again.generation.id, again.replayed) == (first.generation.id, True)
    assert other.error.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_items_of_one_call_are_answered_in_order(running: Running) -> None:
    user = await running.user()
    prompts = ["one", "", "three"]
    items = [
        pb.Submission(user_id=user, image=messages.ImageWork(prompt=prompt, number_of_images=1)) for prompt in prompts
    ]
    items.append(pb.Submission(user_id="nobody", image=messages.ImageWork(prompt="x", number_of_images=1)))
    results = (await running.generations.SubmitMany(pb.SubmitManyRequest(submissions=items))).results
    assert [result.generation.image.prompt or result.error.field for result in results] == [
        "one",
        "prompt",
        "three",
        "userId",
    ]


async def test_a_call_with_too_many_items_is_refused(running: Running) -> None:
    with pytest.raises(Exhausted):
        await running.generations.SubmitMany(pb.SubmitManyRequest(submissions=[pb.Submission()] * 1001))


async def test_generations_are_paged(running: Running) -> None:
    user = await running.user()
    ids = [(await running.submit(user, prompt=f"picture {n}")).generation.id for n in range(3)]
    request = pb.ListGenerationsRequest(user_id=user, page_size=2)
    first = await running.generations.ListGenerations(request)
    request.page_token = first.next_page_token
    second = await running.generations.ListGenerations(request)
    assert [found.id for found in (*first.generations, *second.generations)] == ids[::-1]
    assert second.next_page_token == ""
    request.page_token = "éé"
    with pytest.raises(Invalid):
        await running.generations.ListGenerations(request)


@pytest.mark.parametrize("generation_id", ["gen_" + "0" * 32, "gen_x", "", "' OR 1=1 --"])
async def test_an_unknown_id_is_not_found(running: Running, generation_id: str) -> None:
    with pytest.raises(NotFound) as refused:
        await running.get(await running.user(), generation_id)
    assert refused.value.code == "GENERATION_NOT_FOUND"


async def test_the_catalogue_lists_available_models(running: Running) -> None:
    models = {model.id: model for model in (await running.generations.ListModels(pb.ListModelsRequest())).models}
    sketch, flare = models["studio-sketch"], models["gpt-image-2.5-flare"]
    assert (sketch.available, flare.available, list(flare.aliases)) == (
        True,
        False,
        ["dall-e-3", "dall-e", "gpt-image-1"],
    )
    assert [(ratio.ratio, ratio.width, ratio.height) for ratio in sketch.aspect_ratios][:2] == [
        ("1:1", 1024, 1024),
        ("16:9", 1344, 768),
    ]


async def test_the_service_role_cannot_change_ledger_entries(running: Running, make_database: MakeDatabase) -> None:
    await running.user()
    database = await make_database("generation")
    for url in (database.url, database.admin_url):
        async with await psycopg.AsyncConnection.connect(url, options="-c search_path=generation") as conn:
            with pytest.raises(psycopg.Error) as refused:
                await conn.execute("UPDATE ledger_entries SET credits = 5")
            assert refused.value.sqlstate in {"42501", "23001"}


async def test_entries_that_do_not_sum_to_zero_are_refused(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with await psycopg.AsyncConnection.connect(database.url, options="-c search_path=generation") as conn:
        transfer, user = new_id(), new_id()
        await conn.execute(
            "INSERT INTO ledger_transfers (id, kind, user_id, grant_id) VALUES (%s, 'grant', %s, 'g')", (transfer, user)
        )
        with pytest.raises(psycopg.errors.CheckViolation):
            await conn.execute(
                "INSERT INTO ledger_entries VALUES (%s, 1, 'promotions', NULL, -5), (%s, 2, 'user_available', %s, 6)",
                (transfer, transfer, user),
            )


async def test_entries_without_their_transfer_are_refused(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    async with await psycopg.AsyncConnection.connect(database.url, options="-c search_path=generation") as conn:
        transfer = new_id()
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            await conn.execute(
                "INSERT INTO ledger_entries VALUES (%s, 1, 'promotions', NULL, -5), (%s, 2, 'payments', NULL, 5)",
                (transfer, transfer),
            )
