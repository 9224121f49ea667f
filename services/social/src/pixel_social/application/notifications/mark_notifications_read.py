"""Marks notifications as read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation
from pixel_limits.social import MARK_NOTIFICATIONS_READ_REQUEST_IDS_MAX_ITEMS as MAX_IDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_social.application.notifications.ports import Notifications


async def mark_notifications_read(user_id: UUID, ids: Sequence[UUID], *, notifications: Notifications) -> int:
    """Mark notifications as read, all when no ids are given; return how many were unread; raise Invalid."""
    if len(ids) > MAX_IDS:
        message = f"has at most {MAX_IDS} ids"
        raise Invalid(f"ids {message}.", violations=(Violation("ids", message),))
    return await notifications.mark_read(user_id, ids)
