"""The social service's store in memory, with the contract of the one in PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from pixel_social.domain.feed.feed import FeedFilter, FeedPage, rank_of
from pixel_social.domain.images.image import Image, ImageSet, hot_score
from pixel_social.domain.notifications.notification import Notification, NotificationKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pixel_social.domain.notifications.notification import NotificationEvent, NotificationPosition


@dataclass
class Tables:
    sets: dict[UUID, ImageSet] = field(default_factory=dict)
    handled: set[str] = field(default_factory=set)
    announced: list[UUID] = field(default_factory=list)
    """Image ids, one for each `image_generated` activity."""


class FakeTransaction:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def first_time(self, event_id: str) -> bool:
        if event_id in self._tables.handled:
            return False
        self._tables.handled.add(event_id)
        return True

    async def add_set(self, image_set: ImageSet) -> bool:
        generations = {known.generation_id for known in self._tables.sets.values()}
        if image_set.id in self._tables.sets or image_set.generation_id in generations:
            return False
        self._tables.sets[image_set.id] = image_set
        return True

    async def announce(self, image_set: ImageSet) -> None:
        self._tables.announced += [image.id for image in image_set.images]


class FakeStore:
    """Serializes transactions; a block that raises has no effect."""

    def __init__(self) -> None:
        self.tables = Tables()
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[FakeTransaction]:
        async with self._lock:
            draft = deepcopy(self.tables)
            yield FakeTransaction(draft)
            self.tables = draft


class FakeSets:
    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def find_set(self, set_id: UUID) -> ImageSet | None:
        return self._store.tables.sets.get(set_id)


class FakeFeed:
    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def list_public(self, page: FeedPage) -> Sequence[Image]:
        def key(image: Image) -> tuple[float, UUID]:
            rank = rank_of(image, page.sort)
            return (rank if isinstance(rank, int | float) else rank.timestamp(), image.id)

        images = [image for known in self._store.tables.sets.values() for image in known.images]
        chosen = sorted((image for image in images if _passes(image, page.filter)), key=key, reverse=True)
        if page.after is not None:
            rank, image_id = page.after.rank, page.after.id
            bound = (rank if isinstance(rank, int | float) else rank.timestamp(), image_id)
            chosen = [image for image in chosen if key(image) < bound]
        return chosen[page.offset : page.offset + page.limit]


def _passes(image: Image, wanted: FeedFilter) -> bool:
    return (
        not image.private
        and wanted.model in (None, image.model)
        and wanted.style in (None, image.style)
        and wanted.user_id in (None, image.user_id)
        and (wanted.made_from is None or image.created_at >= wanted.made_from)
        and (wanted.made_before is None or image.created_at < wanted.made_before)
    )


def make_image_set(
    number: int,
    *,
    images: int = 1,
    user: int = 1,
    private: bool = False,
    model: str = "studio-sketch",
    style: str = "",
    likes: int = 0,
) -> ImageSet:
    """Build a set that is `number` minutes younger than the first one; the same number gives the same ids."""
    created_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    set_id, user_id, generation_id = UUID(int=number << 64 | 1), UUID(int=user), UUID(int=number << 64 | 2)
    pictures = tuple(
        Image(
            id=UUID(int=number << 64 | 1 << 32 | index),
            user_id=user_id,
            set_id=set_id,
            generation_id=generation_id,
            index=index,
            prompt=f"picture {number}",
            model=model,
            style=style,
            width=64,
            height=64,
            private=private,
            created_at=created_at,
            seed=number + index,
            like_count=likes,
            hot=hot_score(created_at, likes=likes),
        )
        for index in range(images)
    )
    return ImageSet(set_id, user_id, generation_id, created_at, pictures)


class FakeNotifications:
    """One notification for each unread group."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Notification] = {}
        self._groups: dict[tuple[UUID, NotificationKind, str], UUID] = {}
        self._handled: set[str] = set()

    async def add(self, event_id: str, notification_event: NotificationEvent) -> bool:
        if event_id in self._handled:
            return False
        self._handled.add(event_id)
        group = (notification_event.user_id, notification_event.kind, notification_event.group_key)
        known = self.rows.get(self._groups.get(group, UUID(int=0)))
        if known is None or known.read_at is not None:
            fresh = Notification(
                uuid4(),
                notification_event.user_id,
                notification_event.kind,
                1,
                {notification_event.reason: 1},
                notification_event.resource_id,
                notification_event.happened_at,
                notification_event.happened_at,
            )
            self._groups[group] = fresh.id
            self.rows[fresh.id] = fresh
            return True
        self.rows[known.id] = replace(
            known,
            count=known.count + 1,
            reasons={**known.reasons, notification_event.reason: known.reasons.get(notification_event.reason, 0) + 1},
            resource_id=notification_event.resource_id
            if notification_event.happened_at >= known.last_at
            else known.resource_id,
            first_at=min(known.first_at, notification_event.happened_at),
            last_at=max(known.last_at, notification_event.happened_at),
        )
        return True

    async def page(
        self, user_id: UUID, *, unread: bool, after: NotificationPosition | None, limit: int
    ) -> Sequence[Notification]:
        mine = [row for row in self.rows.values() if row.user_id == user_id and not (unread and row.read_at)]
        mine = [row for row in mine if after is None or (row.last_at, row.id) < (after.last_at, after.id)]
        return sorted(mine, key=lambda row: (row.last_at, row.id), reverse=True)[:limit]

    async def count_unread(self, user_id: UUID) -> int:
        return sum(row.user_id == user_id and row.read_at is None for row in self.rows.values())

    async def mark_read(self, user_id: UUID, ids: Sequence[UUID]) -> int:
        now = datetime.now(UTC)
        chosen = [
            row
            for row in self.rows.values()
            if row.user_id == user_id and row.read_at is None and (not ids or row.id in ids)
        ]
        self.rows |= {row.id: replace(row, read_at=now) for row in chosen}
        return len(chosen)
