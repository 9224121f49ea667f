"""Bodies of sets and of the feed."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations

import msgspec


class ImageView(msgspec.Struct, rename="camel"):
    """A picture in a set or the feed."""

    id: str
    set_id: str
    user_id: str
    generation_id: str
    asset_id: str
    index: int
    prompt: str
    model: str
    style: str | None
    width: int
    height: int
    private: bool
    seed: int | None
    like_count: int
    comment_count: int
    view_count: int
    created_at: datetime
    url: str | None
    thumbnail_url: str | None
    preview_url: str | None
    url_expires_at: datetime | None


class SetView(msgspec.Struct, rename="camel"):
    """The pictures of one generation."""

    id: str
    user_id: str
    generation_id: str
    images: list[ImageView]
    created_at: datetime


class ImagePage(msgspec.Struct, rename="camel"):
    """Public pictures."""

    items: list[ImageView]
    next_cursor: str | None
    limit: int
