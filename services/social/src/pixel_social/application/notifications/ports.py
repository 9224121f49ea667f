"""Port: the notifications of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_social.domain.notifications.notification import Notification, NotificationEvent, NotificationPosition


class Notifications(Protocol):
    """The notifications of all users."""

    async def add(self, event_id: str, notification_event: NotificationEvent) -> bool:
        """Add to the unread notification of the group, or create it; False when the event was handled before."""

    async def page(
        self, user_id: UUID, *, unread: bool, after: NotificationPosition | None, limit: int
    ) -> Sequence[Notification]:
        """Return up to `limit` notifications of the user, newest first."""

    async def count_unread(self, user_id: UUID) -> int:
        """Count the unread notifications of the user."""

    async def mark_read(self, user_id: UUID, ids: Sequence[UUID]) -> int:
        """Mark the user's unread notifications among the ids, all when there are none; return how many."""
