"""Sets and the feed over gRPC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp
from pixel.social.v1 import sets_service_pb2, sets_service_pb2_grpc
from pixel.social.v1.notifications_service_pb2_grpc import add_NotificationsServiceServicer_to_server
from pixel_errors import Invalid, Violation
from pixel_runtime.ids import format_id, parse_id

from pixel_social.adapters.inbound.notifications_grpc import SERVICE as NOTIFICATIONS
from pixel_social.adapters.inbound.notifications_grpc import NotificationsServicer
from pixel_social.application.discover import Discover
from pixel_social.application.get_set import GetSet
from pixel_social.domain.feed import FeedFilter, Sort
from pixel_social.domain.image import SetNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    import grpc

    from pixel_social.application import Application
    from pixel_social.domain.image import Image, ImageSet

SERVICES = ("pixel.social.v1.SetsService", "pixel.social.v1.FeedService", NOTIFICATIONS)

SORTS = {
    sets_service_pb2.DISCOVER_SORT_UNSPECIFIED: Sort.RECENT,
    sets_service_pb2.DISCOVER_SORT_RECENT: Sort.RECENT,
    sets_service_pb2.DISCOVER_SORT_POPULAR: Sort.POPULAR,
    sets_service_pb2.DISCOVER_SORT_TRENDING: Sort.TRENDING,
}


class SetsServicer(sets_service_pb2_grpc.SetsServiceServicer):
    def __init__(self, app: Application) -> None:
        self._app = app

    async def GetSet(  # noqa: N802 - named by the proto
        self, request: sets_service_pb2.GetSetRequest, context: object
    ) -> sets_service_pb2.GetSetResponse:
        del context
        try:
            set_id = parse_id("set", request.id)
        except ValueError as error:
            # A malformed id names nothing; the caller need not tell the two cases apart.
            raise SetNotFound from error
        viewer_id = _user_id("viewerId", request.viewer_id)
        found = await self._app.get_set(GetSet(set_id=set_id, viewer_id=viewer_id))
        return sets_service_pb2.GetSetResponse(set=_write_set(found))


class FeedServicer(sets_service_pb2_grpc.FeedServiceServicer):
    def __init__(self, app: Application) -> None:
        self._app = app

    async def Discover(  # noqa: N802 - named by the proto
        self, request: sets_service_pb2.DiscoverRequest, context: object
    ) -> sets_service_pb2.DiscoverResponse:
        del context
        found = await self._app.discover(read_discover(request))
        return sets_service_pb2.DiscoverResponse(
            images=[_write_image(image) for image in found.images], next_page_token=found.next_page_token
        )


def register(app: Application) -> Callable[[grpc.aio.Server], None]:
    """Return the function that adds every service to a server."""

    def add(server: grpc.aio.Server) -> None:
        sets_service_pb2_grpc.add_SetsServiceServicer_to_server(SetsServicer(app), server)
        sets_service_pb2_grpc.add_FeedServiceServicer_to_server(FeedServicer(app), server)
        add_NotificationsServiceServicer_to_server(NotificationsServicer(app), server)

    return add


def read_discover(request: sets_service_pb2.DiscoverRequest) -> Discover:
    """Turn the request into a query; raise Invalid when a field cannot be understood."""
    sort = SORTS.get(request.sort)
    if sort is None:
        raise _invalid("sortBy", "must be recent, popular or trending")
    return Discover(
        sort=sort,
        filter=FeedFilter(
            model=request.model or None,
            style=request.style or None,
            user_id=_user_id("userId", request.user_id),
            made_from=_time("from", request.from_time) if request.HasField("from_time") else None,
            made_before=_time("to", request.to_time) if request.HasField("to_time") else None,
        ),
        page_size=request.page_size,
        page=request.page,
        page_token=request.page_token,
    )


def _user_id(field: str, text: str) -> UUID | None:
    try:
        return parse_id("usr", text) if text else None
    except ValueError as error:
        raise _invalid(field, "must be a user id such as usr_ and 32 hex digits") from error


def _time(field: str, value: Timestamp) -> datetime:
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _invalid(field, "must be a time from year 1 to 9999") from error


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field} {message}.", violations=(Violation(field, message),))


def _write_set(image_set: ImageSet) -> sets_service_pb2.ImageSet:
    return sets_service_pb2.ImageSet(
        id=format_id("set", image_set.id),
        user_id=format_id("usr", image_set.user_id),
        generation_id=format_id("gen", image_set.generation_id),
        images=[_write_image(image) for image in image_set.images],
        create_time=_timestamp(image_set.created_at),
    )


def _write_image(image: Image) -> sets_service_pb2.Image:
    return sets_service_pb2.Image(
        id=format_id("img", image.id),
        user_id=format_id("usr", image.user_id),
        set_id=format_id("set", image.set_id),
        asset_id=format_id("ast", image.id),
        generation_id=format_id("gen", image.generation_id),
        index=image.index,
        prompt=image.prompt,
        model=image.model,
        style=image.style,
        width=image.width,
        height=image.height,
        private=image.private,
        like_count=image.like_count,
        comment_count=image.comment_count,
        view_count=image.view_count,
        create_time=_timestamp(image.created_at),
        seed=image.seed,
    )


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
