"""Credits over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import billing_service_pb2 as pb
from pixel.generation.v1 import billing_service_pb2_grpc
from pixel_errors import Invalid, Violation
from pixel_runtime.ids import parse_id

from pixel_generation.application.grant_credits import GrantCredits

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.application import Application


class BillingServicer(billing_service_pb2_grpc.BillingServiceServicer):
    def __init__(self, app: Application) -> None:
        self._app = app

    async def GetBalance(  # noqa: N802 - named by the proto
        self, request: pb.GetBalanceRequest, context: object
    ) -> pb.GetBalanceResponse:
        del context
        balance = await self._app.balance(_user_id(request.user_id))
        return pb.GetBalanceResponse(available_credits=balance.available, held_credits=balance.held)

    async def GrantCredits(  # noqa: N802 - named by the proto
        self, request: pb.GrantCreditsRequest, context: object
    ) -> pb.GrantCreditsResponse:
        del context
        command = GrantCredits(_user_id(request.user_id), request.credits, request.grant_id, request.reason)
        granted, available = await self._app.grant_credits(command)
        return pb.GrantCreditsResponse(available_credits=available, granted=granted)


def _user_id(text: str) -> UUID:
    try:
        return parse_id("usr", text)
    except ValueError as error:
        message = "A user id is usr_ and 32 hex digits."
        raise Invalid(message, violations=(Violation("userId", message),)) from error
