"""The feed over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.social.v1 import sets_service_pb2 as pb
from pixel.social.v1 import sets_service_pb2_grpc as pb_grpc

from pixel_social.adapters.inbound.grpc.feed.codec import read_discover
from pixel_social.adapters.inbound.grpc.image_codec import write_image

if TYPE_CHECKING:
    from pixel_social.application import Application


class FeedServicer(pb_grpc.FeedServiceServicer):
    def __init__(self, app: Application) -> None:
        self._app = app

    async def Discover(  # noqa: N802 - named by the proto
        self, request: pb.DiscoverRequest, context: object
    ) -> pb.DiscoverResponse:
        del context
        found = await self._app.discover(read_discover(request))
        return pb.DiscoverResponse(
            images=[write_image(image) for image in found.images], next_page_token=found.next_page_token
        )
