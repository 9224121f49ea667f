"""Notifications over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp
from pixel.social.v1 import notifications_service_pb2 as pb
from pixel.social.v1 import notifications_service_pb2_grpc as service_grpc
from pixel_errors import Invalid, NotFound, Violation
from pixel_runtime.ids import format_id, parse_id

from pixel_social.application.notifications import ListNotifications

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pixel_social.application import Application
    from pixel_social.domain.notification import Notification

SERVICE = "pixel.social.v1.NotificationsService"


class NotificationsServicer(service_grpc.NotificationsServiceServicer):
    def __init__(self, app: Application) -> None:
        self._app = app

    async def ListNotifications(  # noqa: N802 - named by the proto
        self, request: pb.ListNotificationsRequest, context: object
    ) -> pb.ListNotificationsResponse:
        del context
        query = ListNotifications(
            _user_id(request.user_id),
            page_size=request.page_size,
            page_token=request.page_token,
            unread=request.unread,
        )
        page = await self._app.list_notifications(query)
        return pb.ListNotificationsResponse(
            notifications=[_write(each) for each in page.notifications],
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
            raise NotFound("There is no such notification, or it is not yours.") from error
        return pb.MarkNotificationsReadResponse(
            marked_count=await self._app.mark_notifications_read(_user_id(request.user_id), ids)
        )


def _user_id(text: str) -> UUID:
    try:
        return parse_id("usr", text)
    except ValueError as error:
        message = "must be a user id such as usr_ and 32 hex digits"
        raise Invalid(f"userId {message}.", violations=(Violation("userId", message),)) from error


def _write(notification: Notification) -> pb.Notification:
    return pb.Notification(
        id=format_id("ntf", notification.id),
        kind=notification.kind,
        count=notification.count,
        reasons=notification.reasons,
        resource_id=format_id("gen", notification.resource_id),
        first_time=_timestamp(notification.first_at),
        last_time=_timestamp(notification.last_at),
        read_time=_timestamp(notification.read_at) if notification.read_at else None,
    )


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
