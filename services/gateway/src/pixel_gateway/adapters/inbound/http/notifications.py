"""Doors of the caller's notifications."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter, require_id
from pixel_gateway.adapters.inbound.http.generations import limit_parameter
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply

if TYPE_CHECKING:
    from pixel_gateway.application import Application
    from pixel_gateway.domain.notification import Notification


class NotificationView(msgspec.Struct, rename="camel"):
    """All of a kind that happened since you last looked."""

    id: str
    kind: str
    count: int
    reasons: dict[str, int]
    generation_id: str
    first_at: datetime
    last_at: datetime
    read_at: datetime | None


class NotificationsView(msgspec.Struct, rename="camel"):
    """Notifications, the latest first."""

    items: list[NotificationView]
    next_cursor: str | None
    unread_count: int


class MarkRead(msgspec.Struct, rename="camel"):
    """Which notifications you have read; all when no ids are given."""

    ids: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=100)] | None = None


class MarkedView(msgspec.Struct, rename="camel"):
    """How many were unread."""

    marked_count: int


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""
    notifications = app.ports.notifications

    async def page(call: Call) -> Reply:
        query = call.query("limit", "cursor", "unread")
        found = await notifications.page(
            call.user_id,
            unread=query.word("unread", ("true", "false"), default="false") == "true",
            limit=query.whole("limit", default=20, least=1, most=100),
            cursor=query.cursor(),
        )
        items = [_view(each) for each in found.notifications]
        return json_reply(NotificationsView(items, found.next_cursor or None, found.unread_count))

    async def read(call: Call) -> Reply:
        body = await call.json(MarkRead)
        ids = [require_id("ntf", each) for each in body.ids or ()]
        return json_reply(MarkedView(await notifications.mark_read(call.user_id, ids)))

    return [
        Door(
            "GET",
            "/api/notifications",
            page,
            "List your notifications",
            {200: Answer("Notifications, the latest first.", NotificationsView)},
            description="What happens before you mark a notification as read is added to it: a hundred failed "
            "generations are one notification with their number and their reasons.",
            tag="notifications",
            parameters=(
                limit_parameter(20),
                Parameter("cursor", "`nextCursor` of the page before."),
                Parameter("unread", "`true`: only those you have not read.", {"type": "boolean", "default": False}),
            ),
        ),
        Door(
            "POST",
            "/api/notifications/read",
            read,
            "Mark notifications as read",
            {200: Answer("How many were unread.", MarkedView)},
            tag="notifications",
            body=MarkRead,
            body_example={},
        ),
    ]


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
