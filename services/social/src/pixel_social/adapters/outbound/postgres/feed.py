"""The feed of public images in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_postgres import fetch_all, load_queries

from pixel_social.domain.feed.feed import Sort
from pixel_social.domain.images.image import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_postgres import Pool

    from pixel_social.domain.feed.feed import FeedPage

FEED = load_queries("pixel_social.sql", "feed.sql")
FEEDS = {
    Sort.RECENT: FEED["list_recent"],
    Sort.POPULAR: FEED["list_popular"],
    Sort.TRENDING: FEED["list_trending"],
}


class PostgresFeed:
    """The feed queries, one for each order."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_public(self, page: FeedPage) -> Sequence[Image]:
        async with self._pool.autocommit() as connection:
            rows = await fetch_all(connection, FEEDS[page.sort], _feed_parameters(page))
        return [Image(**row) for row in rows]


def _feed_parameters(page: FeedPage) -> dict[str, Any]:
    return vars(page.filter) | {
        "after_rank": page.after.rank if page.after else None,
        "after_id": page.after.id if page.after else None,
        "limit": page.limit,
        "offset": page.offset,
    }
