"""Notifications, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pixel_gateway.application.ports import InvalidPageToken
from pixel_gateway.domain.notification import Notification, NotificationPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.gateway_generations import FakeClock


@dataclass
class FakeNotifications:
    """Notifications by user, newest first."""

    clock: FakeClock
    rows: dict[str, list[Notification]] = field(default_factory=dict)

    async def page(self, user_id: str, *, unread: bool, limit: int, cursor: str) -> NotificationPage:
        mine = self.rows.get(user_id, [])
        if cursor and not cursor.isdigit():
            raise InvalidPageToken
        start = int(cursor or 0)
        chosen = [row for row in mine if not (unread and row.read_time)]
        more = len(chosen) > start + limit
        unread_count = sum(row.read_time is None for row in mine)
        return NotificationPage(tuple(chosen[start : start + limit]), str(start + limit) if more else "", unread_count)

    async def mark_read(self, user_id: str, ids: Sequence[str]) -> int:
        mine = self.rows.get(user_id, [])
        read = [row for row in mine if row.read_time is None and (not ids or row.id in ids)]
        now = self.clock.now()
        self.rows[user_id] = [replace(row, read_time=now) if row in read else row for row in mine]
        return len(read)
