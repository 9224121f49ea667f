"""The use cases, bound to their ports in main.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from uuid import UUID

    from pixel_social.application.feed.discover import Discover, Discovered
    from pixel_social.application.notifications.list_notifications import ListNotifications, NotificationPage
    from pixel_social.application.sets.get_set import GetSet
    from pixel_social.application.sets.record_set import RecordSet
    from pixel_social.domain.images.image import ImageSet
    from pixel_social.domain.notifications.notification import NotificationEvent


@dataclass(frozen=True)
class Application:
    """The use cases of this service."""

    record_set: Callable[[RecordSet], Awaitable[bool]]
    get_set: Callable[[GetSet], Awaitable[ImageSet]]
    discover: Callable[[Discover], Awaitable[Discovered]]
    notify: Callable[[str, NotificationEvent], Awaitable[bool]]
    list_notifications: Callable[[ListNotifications], Awaitable[NotificationPage]]
    mark_notifications_read: Callable[[UUID, Sequence[UUID]], Awaitable[int]]
