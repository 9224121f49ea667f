"""Port: the public images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_social.domain.feed.feed import FeedPage
    from pixel_social.domain.images.image import Image


class Feed(Protocol):
    """Reads public images without a lock."""

    async def list_public(self, page: FeedPage) -> Sequence[Image]:
        """Return up to `page.limit` public images after `page.after`, in the requested order."""
