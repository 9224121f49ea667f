"""Notifications of users, kept by the social service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_gateway.domain.notification import NotificationPage


class Notifications(Protocol):
    """What users should hear of."""

    async def page(self, user_id: str, *, unread: bool, limit: int, cursor: str) -> NotificationPage:
        """Return a page of the user's notifications; raise InvalidPageToken."""

    async def mark_read(self, user_id: str, ids: Sequence[str]) -> int:
        """Mark the user's notifications as read, all when no ids are given; return how many were unread."""
