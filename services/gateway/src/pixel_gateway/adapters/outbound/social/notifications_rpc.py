"""Notifications over gRPC."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from pixel.social.v1 import notifications_service_pb2 as pb
from pixel.social.v1 import notifications_service_pb2_grpc as stubs

from pixel_gateway.adapters.outbound.page_tokens import page_tokens
from pixel_gateway.domain.notification import Notification, NotificationPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc.aio


class GrpcNotifications:
    """Notifications of the social service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.NotificationsServiceStub(channel)

    async def page(self, user_id: str, *, unread: bool, limit: int, cursor: str) -> NotificationPage:
        """Return a page of the user's notifications; raise InvalidPageToken."""
        request = pb.ListNotificationsRequest(user_id=user_id, page_size=limit, page_token=cursor, unread=unread)
        with page_tokens():
            answer = await self._stub.ListNotifications(request)
        return NotificationPage(
            tuple(_notification_of(message) for message in answer.notifications),
            answer.next_page_token,
            answer.unread_count,
        )

    async def mark_read(self, user_id: str, ids: Sequence[str]) -> int:
        """Mark the user's notifications as read, all when no ids are given; return how many were unread."""
        answer = await self._stub.MarkNotificationsRead(pb.MarkNotificationsReadRequest(user_id=user_id, ids=ids))
        return answer.marked_count


def _notification_of(message: pb.Notification) -> Notification:
    return Notification(
        id=message.id,
        kind=message.kind,
        count=message.count,
        reasons=dict(message.reasons),
        generation_id=message.resource_id,
        first_time=message.first_time.ToDatetime(tzinfo=UTC),
        last_time=message.last_time.ToDatetime(tzinfo=UTC),
        read_time=message.read_time.ToDatetime(tzinfo=UTC) if message.HasField("read_time") else None,
    )
