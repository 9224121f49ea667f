"""Endpoints of the caller's notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Controller

from pixel_gateway.adapters.inbound.http.api.notifications.schemas import (
    MarkedView,
    MarkRead,
    NotificationsView,
    NotificationView,
)
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, get, post
from pixel_gateway.adapters.inbound.http.routing.parameters import CURSOR, page_size, word
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from pixel_gateway.domain.notification import Notification

LIMIT = page_size(20)
UNREAD = word(
    "unread",
    "`true`: only unread ones.",
    ("true", "false"),
    default="false",
    schema={"type": "boolean", "default": False},
)


class Notifications(Controller):
    """Notifications."""

    tags = ("notifications",)

    @get(
        "/api/notifications",
        load_class=LoadClass.READ,
        summary="List your notifications",
        answer="Notifications, newest first.",
        description="Events are added to an unread notification of their group: a hundred failed "
        "generations are one notification with their number and their reasons.",
        parameters=(LIMIT, CURSOR, UNREAD),
    )
    async def list_notifications(self, request: Request) -> NotificationsView:
        query = request.query
        found = await request.application.accounts.list_notifications(
            request.user_id, unread=query[UNREAD] == "true", limit=query[LIMIT], cursor=query[CURSOR]
        )
        items = [_view(each) for each in found.notifications]
        return NotificationsView(items, found.next_cursor or None, found.unread_count)

    @post(
        "/api/notifications/read",
        load_class=LoadClass.READ,
        summary="Mark notifications as read",
        answer="The number of notifications that were unread.",
        ignores_query=True,
        example={},
    )
    async def mark_read(self, request: Request, data: JsonBody[MarkRead]) -> MarkedView:
        ids = [require_id("ntf", each) for each in data.ids or ()]
        return MarkedView(await request.application.accounts.mark_notifications_read(request.user_id, ids))


def _view(notification: Notification) -> NotificationView:
    return NotificationView(
        id=notification.id,
        kind=notification.kind,
        count=notification.count,
        reasons=dict(notification.reasons),
        generation_id=notification.generation_id,
        first_at=notification.first_time,
        last_at=notification.last_time,
        read_at=notification.read_time,
    )
