"""Images: visibility and rank."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_social.domain.errors import SetNotFound

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

HOT_SECONDS_PER_DECADE = 45_000
"""An image 12.5 hours newer ranks like one with ten times the interest."""


@dataclass(frozen=True)
class Image:
    """One image of a set; its id is the id of its asset in media."""

    id: UUID
    user_id: UUID
    set_id: UUID
    generation_id: UUID
    index: int
    prompt: str
    model: str
    style: str
    width: int
    height: int
    private: bool
    created_at: datetime
    seed: int | None = None
    like_count: int = 0
    comment_count: int = 0
    view_count: int = 0
    hot: float = 0.0

    def is_visible_to(self, viewer_id: UUID | None) -> bool:
        """Private images are visible to their owner only."""
        return not self.private or viewer_id == self.user_id


@dataclass(frozen=True)
class ImageSet:
    """The images of one generation, in batch order."""

    id: UUID
    user_id: UUID
    generation_id: UUID
    created_at: datetime
    images: tuple[Image, ...]

    def seen_by(self, viewer_id: UUID | None) -> ImageSet:
        """Return the set as visible to the viewer; raise SetNotFound when nothing of it is visible."""
        visible = tuple(image for image in self.images if image.is_visible_to(viewer_id))
        if not visible and viewer_id != self.user_id:
            raise SetNotFound
        return ImageSet(self.id, self.user_id, self.generation_id, self.created_at, visible)


def hot_score(created_at: datetime, *, likes: int = 0, comments: int = 0, views: int = 0) -> float:
    """Return the trending rank: the logarithm of the interest plus the creation time, so it changes with interest only.

    A comment counts as two likes, a hundred views as one.
    """
    interest = likes + 2 * comments + views / 100
    return math.log10(max(1.0, interest)) + created_at.timestamp() / HOT_SECONDS_PER_DECADE
