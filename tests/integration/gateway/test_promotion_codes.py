"""The gateway's calls about promotion codes over real gRPC, with a servicer that follows the contract."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pixel.generation.v1 import billing_service_pb2 as pb
from pixel.generation.v1 import billing_service_pb2_grpc
from pixel_errors import Conflict, Invalid, NotFound, Violation
from pixel_gateway.adapters.outbound.generation.billing_rpc import GrpcPromotionCodes
from pixel_gateway.application.ports import InvalidPageToken
from pixel_gateway.domain.billing import Promotion
from pixel_rpc import RpcServer, open_channel

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
STAMP = Timestamp(seconds=int(NOW.timestamp()))


class Codes(billing_service_pb2_grpc.BillingServiceServicer):
    def __init__(self) -> None:
        self.requests: list[object] = []

    async def CreatePromotion(self, request, context):  # noqa: N802
        self.requests.append(request)
        if request.code == "TAKEN":
            raise Conflict("taken", reason="PROMOTION_EXISTS")
        made = pb.Promotion(
            code=request.code,
            credits=request.credits,
            max_uses=request.max_uses,
            end_time=request.end_time if request.HasField("end_time") else None,
            create_time=STAMP,
        )
        return pb.CreatePromotionResponse(promotion=made)

    async def ListPromotions(self, request, context):  # noqa: N802
        self.requests.append(request)
        if request.page_token == "forged":
            raise Invalid("not ours", violations=(Violation("cursor", "not ours"),))
        row = pb.Promotion(code="A-1", credits=2**40, used=7, create_time=STAMP)
        return pb.ListPromotionsResponse(promotions=[row], next_page_token="next")

    async def EndPromotion(self, request, context):  # noqa: N802
        self.requests.append(request)
        if request.code == "none":
            raise NotFound("none", reason="PROMOTION_NOT_FOUND")
        ended = pb.Promotion(code="LEAKED", credits=5, max_uses=9, used=3, end_time=STAMP, create_time=STAMP)
        return pb.EndPromotionResponse(promotion=ended)


@pytest.fixture
def engine() -> Codes:
    return Codes()


@pytest.fixture
async def promotions(engine: Codes):
    def add(server) -> None:
        billing_service_pb2_grpc.add_BillingServiceServicer_to_server(engine, server)

    server = RpcServer("engine", "127.0.0.1:0", add, services=())
    await server.start()
    async with open_channel(server.address) as channel:
        yield GrpcPromotionCodes(channel)
    await server.stop()


async def test_a_code_is_made_with_and_without_limits(promotions, engine):
    bounded = await promotions.create(Promotion("CODE", 5, 2, NOW), "usr_2")
    free = await promotions.create(Promotion("FREE", 5), "usr_2")

    assert bounded == Promotion("CODE", 5, 2, NOW, used=0, create_time=NOW)
    assert free == Promotion("FREE", 5, create_time=NOW)
    assert (engine.requests[0].end_time, engine.requests[1].HasField("end_time")) == (STAMP, False)
    assert {each.actor for each in engine.requests} == {"usr_2"}
    with pytest.raises(Conflict) as refused:
        await promotions.create(Promotion("TAKEN", 5), "usr_2")
    assert refused.value.code == "PROMOTION_EXISTS"


async def test_codes_are_listed_with_their_uses(promotions, engine):
    assert await promotions.page(limit=7, cursor="here") == ([Promotion("A-1", 2**40, used=7, create_time=NOW)], "next")
    assert (engine.requests[0].page_size, engine.requests[0].page_token) == (7, "here")
    with pytest.raises(InvalidPageToken):
        await promotions.page(limit=7, cursor="forged")


async def test_a_code_is_ended_by_an_actor(promotions, engine):
    assert await promotions.end("leaked", "usr_2") == Promotion("LEAKED", 5, 9, NOW, used=3, create_time=NOW)
    assert (engine.requests[0].code, engine.requests[0].actor) == ("leaked", "usr_2")
    with pytest.raises(NotFound) as refused:
        await promotions.end("none", "usr_2")
    assert refused.value.code == "PROMOTION_NOT_FOUND"
