"""Events of all generations of a user, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import generations_service_pb2 as service_pb
from pixel.generation.v1 import generations_service_pb2_grpc as service_grpc

from pixel_gateway.adapters.generation_codec import progress_of
from pixel_gateway.application.live.ports import EventPage, PositionedEvent

if TYPE_CHECKING:
    import grpc.aio


class GrpcUserEvents:
    """The generation service's events of a user."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = service_grpc.GenerationsServiceStub(channel)

    async def after(self, user_id: str, position: str) -> EventPage:
        """Return the events after a position; for an empty one only the current position."""
        request = service_pb.ListUserEventsRequest(user_id=user_id, after_position=position)
        answer = await self._stub.ListUserEvents(request)
        return EventPage(
            events=tuple(PositionedEvent(progress_of(each.event), each.position) for each in answer.events),
            position=answer.position,
            is_resync=answer.resync,
        )
