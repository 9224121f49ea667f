"""Notifications of users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True)
class Notification:
    """The events of a group since its user last read."""

    id: str
    kind: str
    count: int
    reasons: Mapping[str, int]
    generation_id: str
    """The resource of the latest event."""
    first_time: datetime
    last_time: datetime
    read_time: datetime | None = None


@dataclass(frozen=True)
class NotificationPage:
    """Notifications, newest first."""

    notifications: tuple[Notification, ...]
    next_cursor: str
    """Empty on the last page."""
    unread_count: int
    """On all pages."""
