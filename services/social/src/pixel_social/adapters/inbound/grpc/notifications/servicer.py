"""Notifications over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.social.v1 import notifications_service_pb2 as pb
from pixel.social.v1 import notifications_service_pb2_grpc as service_grpc
from pixel_errors import NotFound
from pixel_runtime.ids import parse_id

from pixel_social.adapters.inbound.grpc.fields import read_user_id
from pixel_social.adapters.inbound.grpc.notifications.codec import write_notification
from pixel_social.application.notifications.list_notifications import ListNotifications

if TYPE_CHECKING:
    from pixel_social.application import Application


class NotificationsServicer(service_grpc.NotificationsServiceServicer):
    def __init__(self, app: Application) -> None:
        self._app = app

    async def ListNotifications(  # noqa: N802 - named by the proto
        self, request: pb.ListNotificationsRequest, context: object
    ) -> pb.ListNotificationsResponse:
        del context
        query = ListNotifications(
            read_user_id("userId", request.user_id),
            page_size=request.page_size,
            page_token=request.page_token,
            unread=request.unread,
        )
        page = await self._app.list_notifications(query)
        return pb.ListNotificationsResponse(
            notifications=[write_notification(each) for each in page.notifications],
            next_page_token=page.next_page_token,
            unread_count=page.unread_count,
        )

    async def MarkNotificationsRead(  # noqa: N802 - named by the proto
        self, request: pb.MarkNotificationsReadRequest, context: object
    ) -> pb.MarkNotificationsReadResponse:
        del context
        try:
            ids = [parse_id("ntf", text) for text in request.ids]
        except ValueError as error:
            raise NotFound("The notification does not exist, or it is not yours.") from error
        return pb.MarkNotificationsReadResponse(
            marked_count=await self._app.mark_notifications_read(read_user_id("userId", request.user_id), ids)
        )
