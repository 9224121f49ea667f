"""Lists public images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pixel_social.domain.feed.feed import FeedFilter, Sort, feed_page, write_token

if TYPE_CHECKING:
    from pixel_social.application.feed.ports import Feed
    from pixel_social.domain.images.image import Image


@dataclass(frozen=True)
class Discover:
    """A page request; 0 and empty mean not given."""

    sort: Sort = Sort.RECENT
    filter: FeedFilter = field(default_factory=FeedFilter)
    page_size: int = 0
    page: int = 0
    page_token: str = ""


@dataclass(frozen=True)
class Discovered:
    """Images in the requested order; an empty token means the last page."""

    images: tuple[Image, ...]
    next_page_token: str


async def discover(query: Discover, *, feed: Feed) -> Discovered:
    """Return one page of public images; raise InvalidFeedRequest or InvalidPageToken."""
    page = feed_page(
        sort=query.sort,
        feed_filter=query.filter,
        page_size=query.page_size,
        page=query.page,
        token=query.page_token,
    )
    # One image more than requested shows whether there is another page.
    found = await feed.list_public(replace(page, limit=page.limit + 1))
    shown = tuple(found[: page.limit])
    token = write_token(shown[-1], page.sort, page.filter) if len(found) > page.limit else ""
    return Discovered(shown, token)
