"""The forms in which an image is stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RenditionKind(StrEnum):
    """What a stored form is for."""

    ORIGINAL = "original"
    THUMBNAIL = "thumbnail"
    PREVIEW = "preview"


class ImageFormat(StrEnum):
    """The formats originals may have, named by MIME type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"

    @property
    def suffix(self) -> str:
        """Ending of an object key."""
        return "jpg" if self is ImageFormat.JPEG else self.value.partition("/")[2]


@dataclass(frozen=True)
class Rendition:
    """One stored form; width and height in pixels as the picture is shown."""

    kind: RenditionKind
    key: str
    content_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
