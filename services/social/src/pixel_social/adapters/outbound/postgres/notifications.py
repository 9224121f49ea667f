"""Notifications in PostgreSQL."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pixel_events import first_time
from pixel_postgres import execute, fetch_all, fetch_one, load_queries
from pixel_runtime.ids import new_id

from pixel_social.domain.notifications.notification import Notification, NotificationKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_postgres import Pool

    from pixel_social.domain.notifications.notification import NotificationEvent, NotificationPosition

CONSUMER = "social-notifications"
NOTIFICATIONS = load_queries("pixel_social.sql", "notifications.sql")


class PostgresNotifications:
    """One row for each user, kind and group."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, event_id: str, notification_event: NotificationEvent) -> bool:
        async with self._pool.transaction() as connection:
            if not await first_time(connection, CONSUMER, event_id):
                return False
            await execute(connection, NOTIFICATIONS["add_notification"], asdict(notification_event) | {"id": new_id()})
        return True

    async def page(
        self, user_id: UUID, *, unread: bool, after: NotificationPosition | None, limit: int
    ) -> Sequence[Notification]:
        parameters = {
            "user_id": user_id,
            "unread": unread,
            "after_at": after.last_at if after else None,
            "after_id": after.id if after else None,
            "limit": limit,
        }
        async with self._pool.autocommit() as connection:
            rows = await fetch_all(connection, NOTIFICATIONS["list_notifications"], parameters)
        return [Notification(**row | {"kind": NotificationKind(row["kind"])}) for row in rows]

    async def count_unread(self, user_id: UUID) -> int:
        async with self._pool.autocommit() as connection:
            row = await fetch_one(connection, NOTIFICATIONS["count_unread"], {"user_id": user_id})
        return int(row["unread"]) if row else 0

    async def mark_read(self, user_id: UUID, ids: Sequence[UUID]) -> int:
        parameters = {"user_id": user_id, "ids": list(ids) or None}
        async with self._pool.autocommit() as connection:
            return await execute(connection, NOTIFICATIONS["mark_read"], parameters)
