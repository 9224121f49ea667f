"""Tell users what happened, list it, mark it as read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pixel_errors import Invalid, Violation

from pixel_social.domain.notification import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, NotificationPosition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_social.domain.notification import Notification, NotificationEvent

MAX_IDS = 100


class Notifications(Protocol):
    """The notifications of all users."""

    async def add(self, event_id: str, notification_event: NotificationEvent) -> bool:
        """Add to the unread notification of the group, or make one; False when the event was handled before."""

    async def page(
        self, user_id: UUID, *, unread: bool, after: NotificationPosition | None, limit: int
    ) -> Sequence[Notification]:
        """Return up to `limit` notifications of the user, the latest first."""

    async def count_unread(self, user_id: UUID) -> int:
        """Count the unread notifications of the user."""

    async def mark_read(self, user_id: UUID, ids: Sequence[UUID]) -> int:
        """Mark the user's unread notifications among the ids, all when there are none; return how many."""


@dataclass(frozen=True)
class ListNotifications:
    """One page as it was asked for; 0 and empty mean not given."""

    user_id: UUID
    page_size: int = 0
    page_token: str = ""
    unread: bool = False


@dataclass(frozen=True)
class NotificationPage:
    """Notifications, the latest first; an empty token means the last page."""

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
    # One more than asked for tells whether there is another page.
    found = await notifications.page(query.user_id, unread=query.unread, after=after, limit=limit + 1)
    shown = tuple(found[:limit])
    token = NotificationPosition.of(shown[-1]).token() if len(found) > limit else ""
    return NotificationPage(shown, token, await notifications.count_unread(query.user_id))


async def mark_read(user_id: UUID, ids: Sequence[UUID], *, notifications: Notifications) -> int:
    """Mark notifications as read, all when no ids are given; return how many were unread; raise Invalid."""
    if len(ids) > MAX_IDS:
        message = f"has at most {MAX_IDS} ids"
        raise Invalid(f"ids {message}.", violations=(Violation("ids", message),))
    return await notifications.mark_read(user_id, ids)
