"""Bodies of notifications."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated

import msgspec
from msgspec import Meta
from pixel_limits.social import MARK_NOTIFICATIONS_READ_REQUEST_IDS_MAX_ITEMS

Ids = Annotated[
    list[Annotated[str, Meta(max_length=64)]],
    Meta(min_length=1, max_length=MARK_NOTIFICATIONS_READ_REQUEST_IDS_MAX_ITEMS),
]


class NotificationView(msgspec.Struct, rename="camel"):
    """The events of a group since you last read."""

    id: str
    kind: str
    count: int
    reasons: dict[str, int]
    generation_id: str
    first_at: datetime
    last_at: datetime
    read_at: datetime | None


class NotificationsView(msgspec.Struct, rename="camel"):
    """Notifications, newest first."""

    items: list[NotificationView]
    next_cursor: str | None
    unread_count: int


class MarkRead(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Notifications to mark as read; all when no ids are given."""

    ids: Ids | None = None


class MarkedView(msgspec.Struct, rename="camel"):
    """The number of notifications that were unread."""

    marked_count: int
