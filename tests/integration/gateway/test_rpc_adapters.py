"""The gateway's calls to other services over real gRPC, with servicers that follow the contract."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pixel.generation.v1 import billing_service_pb2 as billing_pb
from pixel.generation.v1 import billing_service_pb2_grpc as billing_grpc
from pixel.generation.v1 import generation_pb2 as generation_pb
from pixel.generation.v1 import generations_service_pb2 as generations_pb
from pixel.generation.v1 import generations_service_pb2_grpc as generations_grpc
from pixel.media.v1 import assets_service_pb2 as media_pb
from pixel.media.v1 import assets_service_pb2_grpc as media_grpc
from pixel.social.v1 import sets_service_pb2 as social_pb
from pixel.social.v1 import sets_service_pb2_grpc as social_grpc
from pixel_errors import DeadlineExceeded, FailedPrecondition, Forbidden, NotFound
from pixel_gateway.adapters.outbound.generation.billing_rpc import GrpcBilling
from pixel_gateway.adapters.outbound.generation.generations_rpc import GrpcGenerations
from pixel_gateway.adapters.outbound.media import media_rpc
from pixel_gateway.adapters.outbound.media.media_rpc import GrpcMedia
from pixel_gateway.adapters.outbound.social.social_rpc import GrpcSets
from pixel_gateway.application.generations.ports import HistoryQuery, Submission
from pixel_gateway.application.images.ports import DiscoverQuery
from pixel_gateway.domain.generation import Spec, Stage, Status
from pixel_rpc import RpcServer, open_channel

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
STAMP = Timestamp(seconds=int(NOW.timestamp()))


def generation_message(submission: generations_pb.Submission) -> generation_pb.Generation:
    return generation_pb.Generation(
        id="gen_" + "1" * 32,
        user_id=submission.user_id,
        image=submission.image,
        set_id="set_" + "1" * 32,
        status=generation_pb.GENERATION_STATUS_QUEUED,
        stage=generation_pb.GENERATION_STAGE_WAITING,
        current_step="Waiting in queue",
        sequence=1,
        eta=generation_pb.EtaInterval(min_seconds=0, max_seconds=2),
        create_time=STAMP,
    )


class Peers(
    generations_grpc.GenerationsServiceServicer,
    billing_grpc.BillingServiceServicer,
    media_grpc.AssetsServiceServicer,
    social_grpc.SetsServiceServicer,
    social_grpc.FeedServiceServicer,
):
    def __init__(self) -> None:
        self.batches: list[int] = []
        self.requests: list[object] = []

    async def SubmitMany(self, request, context):  # noqa: N802
        self.batches.append(len(request.submissions))
        results = []
        for submission in request.submissions:
            if submission.image.model == "none":
                error = generations_pb.SubmissionError(
                    kind="failed_precondition",
                    reason="INSUFFICIENT_CREDITS",
                    detail="too few",
                    field="number_of_images",
                    metadata={"available": "3"},
                )
                results.append(generations_pb.SubmissionResult(error=error))
            else:
                results.append(generations_pb.SubmissionResult(generation=generation_message(submission)))
        return generations_pb.SubmitManyResponse(results=results)

    async def GetGeneration(self, request, context):  # noqa: N802
        raise NotFound("There is no such generation.", reason="GENERATION_NOT_FOUND")

    async def ListGenerations(self, request, context):  # noqa: N802
        self.requests.append(request)
        return generations_pb.ListGenerationsResponse(next_page_token="next")

    async def ListGenerationEvents(self, request, context):  # noqa: N802
        event = generation_pb.GenerationEvent(
            generation_id=request.id,
            user_id=request.user_id,
            sequence=request.after_sequence + 1,
            status=generation_pb.GENERATION_STATUS_FAILED,
            stage=generation_pb.GENERATION_STAGE_DONE,
            failure=generation_pb.GenerationFailure(code="timeout", message="too long", retryable=True),
            event_time=STAMP,
        )
        return generations_pb.ListGenerationEventsResponse(events=[event])

    async def ListModels(self, request, context):  # noqa: N802
        ratio = generation_pb.AspectRatio(ratio="16:9", width=1344, height=768)
        model = generation_pb.Model(id="studio-sketch", aliases=["sketch"], aspect_ratios=[ratio], available=True)
        return generations_pb.ListModelsResponse(models=[model])

    async def GetBalance(self, request, context):  # noqa: N802
        return billing_pb.GetBalanceResponse(available_credits=7, held_credits=2)

    async def GrantCredits(self, request, context):  # noqa: N802
        self.requests.append(request)
        return billing_pb.GrantCreditsResponse(available_credits=10, granted=True)

    async def BatchGetAssets(self, request, context):  # noqa: N802
        self.requests.append(request)
        rendition = media_pb.Rendition(
            kind=media_pb.RENDITION_KIND_ORIGINAL,
            content_type="image/png",
            url="/media/objects/originals/a%20b.png?expires=5&signature=good",
        )
        assets = [media_pb.Asset(id=each, renditions=[rendition], url_expire_time=STAMP) for each in request.asset_ids]
        return media_pb.BatchGetAssetsResponse(assets=assets)

    async def ReadObject(self, request, context):  # noqa: N802
        if request.signature != "good":
            raise Forbidden("altered", reason="ADDRESS_REFUSED")
        yield media_pb.ReadObjectResponse(content_type="image/png", size_bytes=6)
        yield media_pb.ReadObjectResponse(chunk=f"{request.key[:3]}".encode())
        if request.key == "stuck":
            await asyncio.Event().wait()
        yield media_pb.ReadObjectResponse(chunk=b"end")

    async def GetSet(self, request, context):  # noqa: N802
        image = social_pb.Image(id="img_1", set_id=request.id, seed=0, private=True, create_time=STAMP)
        return social_pb.GetSetResponse(
            set=social_pb.ImageSet(id=request.id, user_id=request.viewer_id, images=[image], create_time=STAMP)
        )

    async def Discover(self, request, context):  # noqa: N802
        self.requests.append(request)
        return social_pb.DiscoverResponse(images=[social_pb.Image(id="img_1")], next_page_token="next")


@pytest.fixture
async def peers():
    return Peers()


@pytest.fixture
async def channel(peers):
    def register(server):
        generations_grpc.add_GenerationsServiceServicer_to_server(peers, server)
        billing_grpc.add_BillingServiceServicer_to_server(peers, server)
        media_grpc.add_AssetsServiceServicer_to_server(peers, server)
        social_grpc.add_SetsServiceServicer_to_server(peers, server)
        social_grpc.add_FeedServiceServicer_to_server(peers, server)

    server = RpcServer("peers", "127.0.0.1:0", register, services=[])
    await server.start()
    async with open_channel(server.address) as channel:
        yield channel
    await server.stop()


def submission(**fields) -> Submission:
    return Submission("usr_1", Spec("a", **fields), "key", "POST /api/generations")


async def test_concurrent_submissions_share_calls_and_get_their_own_results(channel, peers):
    generations = GrpcGenerations(channel)
    many = [generations.submit(submission(seed=number, parameters={"x": [1, "y"]})) for number in range(100)]

    accepted = await asyncio.gather(*many)

    assert [each.generation.spec.seed for each in accepted] == [*range(100)]
    assert accepted[0].generation.spec.parameters == {"x": [1.0, "y"]}
    assert accepted[0].generation.status is Status.QUEUED
    assert accepted[0].generation.stage is Stage.WAITING
    assert accepted[0].generation.eta_s == (0.0, 2.0)
    assert accepted[0].generation.create_time == NOW
    assert len(peers.batches) < 10


async def test_a_rejection_is_restored_with_its_facts(channel):
    with pytest.raises(FailedPrecondition) as refused:
        await GrpcGenerations(channel).submit(submission(model="none"))

    assert refused.value.code == "INSUFFICIENT_CREDITS"
    assert refused.value.metadata["available"] == "3"
    assert refused.value.violations[0].field == "number_of_images"


async def test_reads_are_translated(channel, peers):
    generations = GrpcGenerations(channel)

    assert await generations.page(HistoryQuery("usr_1", 5, "c", Status.FAILED)) == ([], "next")
    assert peers.requests[0].page_size == 5
    assert peers.requests[0].status == generation_pb.GENERATION_STATUS_FAILED
    event = (await generations.events("usr_1", "gen_1", 4))[0]
    assert event.failure is not None
    assert (event.sequence, event.status, event.failure.code) == (5, Status.FAILED, "timeout")
    assert (await generations.models())[0].aspect_ratios == (("16:9", 1344, 768),)
    with pytest.raises(NotFound):
        await generations.get("usr_1", "gen_1")


async def test_credits_are_read_and_granted(channel, peers):
    billing = GrpcBilling(channel)
    balance = await billing.balance("usr_1")
    await billing.grant("usr_1", 10, grant_id="signup", reason="First credits")

    assert (balance.available_credits, balance.held_credits) == (7, 2)
    assert (peers.requests[0].credits, peers.requests[0].grant_id) == (10, "signup")


async def test_urls_are_read_in_calls_of_limited_size(channel, peers):
    found = await GrpcMedia(channel).addresses([f"ast_{number}" for number in range(501)] + ["ast_0"])

    assert [len(request.asset_ids) for request in peers.requests] == [500, 1]
    assert len(found) == 501
    assert found["ast_0"].thumbnail == found["ast_0"].original


async def test_bytes_are_read_by_their_signed_url(channel):
    media = GrpcMedia(channel)
    address = (await media.addresses(["ast_1"]))["ast_1"].original
    stored = await media.read("xyz", expires=5, signature="good")

    assert (stored.content_type, stored.size_bytes) == ("image/png", 6)
    assert [chunk async for chunk in stored.chunks] == [b"xyz", b"end"]
    assert await media.fetch(address) == b"oriend"
    with pytest.raises(Forbidden):
        await media.read("xyz", expires=5, signature="bad")


async def test_a_slow_reader_gets_the_whole_object(channel, monkeypatch):
    monkeypatch.setattr(media_rpc, "GAP_S", 0.2)
    stored = await GrpcMedia(channel).read("xyz", expires=5, signature="good")
    got = []
    async for chunk in stored.chunks:
        await asyncio.sleep(0.3)  # the reader is slow, not the service
        got.append(chunk)

    assert got == [b"xyz", b"end"]


async def test_an_object_that_stops_arriving_ends_with_a_deadline(channel, monkeypatch):
    monkeypatch.setattr(media_rpc, "GAP_S", 0.2)
    stored = await GrpcMedia(channel).read("stuck", expires=5, signature="good")

    with pytest.raises(DeadlineExceeded):
        assert [chunk async for chunk in stored.chunks] == []


async def test_sets_and_the_feed_are_read(channel, peers):
    sets = GrpcSets(channel)
    found = await sets.get("set_1", "usr_1")
    images, cursor = await sets.discover(DiscoverQuery(limit=3, sort="popular", style="ink", from_time=NOW))

    assert (found.user_id, found.images[0].seed, found.images[0].private) == ("usr_1", 0, True)
    assert (images[0].seed, cursor) == (None, "next")
    assert peers.requests[0].sort == social_pb.DISCOVER_SORT_POPULAR
    assert peers.requests[0].from_time == STAMP
