"""The renditions of an image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RenditionKind(StrEnum):
    """The purpose of a stored rendition."""

    ORIGINAL = "original"
    THUMBNAIL = "thumbnail"
    PREVIEW = "preview"


class ImageFormat(StrEnum):
    """The formats of originals, by MIME type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"

    @property
    def suffix(self) -> str:
        """Suffix of the object key."""
        return "jpg" if self is ImageFormat.JPEG else self.value.partition("/")[2]


@dataclass(frozen=True)
class Rendition:
    """One stored rendition; width and height in pixels after rotation."""

    kind: RenditionKind
    key: str
    content_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
