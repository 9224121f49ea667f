"""Lists the notifications of a user by pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation
from pixel_limits.social import LIST_NOTIFICATIONS_REQUEST_PAGE_SIZE_LTE as MAX_PAGE_SIZE

from pixel_social.domain.notifications.notification import DEFAULT_PAGE_SIZE, NotificationPosition

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_social.application.notifications.ports import Notifications
    from pixel_social.domain.notifications.notification import Notification


@dataclass(frozen=True)
class ListNotifications:
    """A page request; 0 and empty mean not given."""

    user_id: UUID
    page_size: int = 0
    page_token: str = ""
    unread: bool = False


@dataclass(frozen=True)
class NotificationPage:
    """Notifications, newest first; an empty token means the last page."""

    notifications: tuple[Notification, ...]
    next_page_token: str
    unread_count: int


async def list_notifications(query: ListNotifications, *, notifications: Notifications) -> NotificationPage:
    """Return a page; raise Invalid or InvalidPageToken."""
    if not 0 <= query.page_size <= MAX_PAGE_SIZE:
        message = f"must be 1 to {MAX_PAGE_SIZE}"
        raise Invalid(f"limit {message}.", violations=(Violation("limit", message),))
    limit = query.page_size or DEFAULT_PAGE_SIZE
    after = NotificationPosition.parse(query.page_token) if query.page_token else None
    # One more than requested shows whether there is another page.
    found = await notifications.page(query.user_id, unread=query.unread, after=after, limit=limit + 1)
    shown = tuple(found[:limit])
    token = NotificationPosition.of(shown[-1]).token() if len(found) > limit else ""
    return NotificationPage(shown, token, await notifications.count_unread(query.user_id))
