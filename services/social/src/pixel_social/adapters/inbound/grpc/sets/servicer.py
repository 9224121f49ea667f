"""Sets over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.social.v1 import sets_service_pb2 as pb
from pixel.social.v1 import sets_service_pb2_grpc as pb_grpc
from pixel_runtime.ids import parse_id

from pixel_social.adapters.inbound.grpc.fields import read_optional_user_id
from pixel_social.adapters.inbound.grpc.sets.codec import write_set
from pixel_social.application.sets.get_set import GetSet
from pixel_social.domain.errors import SetNotFound

if TYPE_CHECKING:
    from pixel_social.application import Application


class SetsServicer(pb_grpc.SetsServiceServicer):
    def __init__(self, app: Application) -> None:
        self._app = app

    async def GetSet(  # noqa: N802 - named by the proto
        self, request: pb.GetSetRequest, context: object
    ) -> pb.GetSetResponse:
        del context
        try:
            set_id = parse_id("set", request.id)
        except ValueError as error:
            # A malformed id is answered like an unknown one.
            raise SetNotFound from error
        viewer_id = read_optional_user_id("viewerId", request.viewer_id)
        found = await self._app.get_set(GetSet(set_id=set_id, viewer_id=viewer_id))
        return pb.GetSetResponse(set=write_set(found))
