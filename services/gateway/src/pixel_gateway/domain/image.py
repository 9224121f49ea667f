"""Pictures and sets in the gateway; the social and media services own them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime


class AssetNotFound(NotFound):
    """The picture's bytes are not stored any more."""

    reason = "ASSET_NOT_FOUND"


@dataclass(frozen=True)
class Image:
    """A published or private picture."""

    id: str
    user_id: str
    set_id: str
    asset_id: str
    generation_id: str
    index: int
    prompt: str
    model: str
    style: str
    width: int
    height: int
    private: bool
    like_count: int
    comment_count: int
    view_count: int
    create_time: datetime
    seed: int | None = None


@dataclass(frozen=True)
class ImageSet:
    """The pictures of one generation."""

    id: str
    user_id: str
    generation_id: str
    images: tuple[Image, ...]
    create_time: datetime


@dataclass(frozen=True)
class Addresses:
    """Signed URLs of an asset; one that begins with `/` is relative to the public base URL."""

    original: str
    thumbnail: str
    preview: str
    content_type: str
    expire_time: datetime
