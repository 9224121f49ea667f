"""The social service over gRPC."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from pixel.social.v1 import sets_service_pb2 as pb
from pixel.social.v1 import sets_service_pb2_grpc as stubs

from pixel_gateway.domain.image import Image, ImageSet

if TYPE_CHECKING:
    import grpc.aio

    from pixel_gateway.application.images.ports import DiscoverQuery

SORTS = {
    "recent": pb.DISCOVER_SORT_RECENT,
    "popular": pb.DISCOVER_SORT_POPULAR,
    "trending": pb.DISCOVER_SORT_TRENDING,
}


class GrpcSets:
    """Sets and the public feed."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._sets = stubs.SetsServiceStub(channel)
        self._feed = stubs.FeedServiceStub(channel)

    async def get(self, set_id: str, viewer_id: str) -> ImageSet:
        """Return a set the viewer may see (empty viewer: anonymous); raise NotFound."""
        answer = await self._sets.GetSet(pb.GetSetRequest(id=set_id, viewer_id=viewer_id))
        found = answer.set
        return ImageSet(
            id=found.id,
            user_id=found.user_id,
            generation_id=found.generation_id,
            images=tuple(_image_of(image) for image in found.images),
            create_time=found.create_time.ToDatetime(tzinfo=UTC),
        )

    async def discover(self, query: DiscoverQuery) -> tuple[list[Image], str]:
        """Return a page of public images and the cursor of the next one (empty on the last)."""
        request = pb.DiscoverRequest(
            page_size=query.limit,
            page_token=query.cursor,
            page=query.page,
            sort=SORTS[query.sort],
            model=query.model,
            style=query.style,
            user_id=query.user_id,
        )
        if query.from_time is not None:
            request.from_time.FromDatetime(query.from_time)
        if query.to_time is not None:
            request.to_time.FromDatetime(query.to_time)
        answer = await self._feed.Discover(request)
        return [_image_of(image) for image in answer.images], answer.next_page_token


def _image_of(message: pb.Image) -> Image:
    return Image(
        id=message.id,
        user_id=message.user_id,
        set_id=message.set_id,
        asset_id=message.asset_id,
        generation_id=message.generation_id,
        index=message.index,
        prompt=message.prompt,
        model=message.model,
        style=message.style,
        width=message.width,
        height=message.height,
        private=message.private,
        like_count=message.like_count,
        comment_count=message.comment_count,
        view_count=message.view_count,
        create_time=message.create_time.ToDatetime(tzinfo=UTC),
        seed=message.seed if message.HasField("seed") else None,
    )
