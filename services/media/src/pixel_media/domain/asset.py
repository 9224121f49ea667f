"""An asset: one image a person owns, and the forms it is kept in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from pixel_errors import Violation

from pixel_media.domain.errors import AssetConflict, AssetInvalid, ImageTooLarge

if TYPE_CHECKING:
    from datetime import datetime

MAX_BYTES = 52_428_800
"""Largest original."""
MAX_TAGS = 20
MAX_TAG_LENGTH = 64
IMAGES_PREFIX = "images/"
"""Every object of an image asset has a key that starts so."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ASSET_KEY = re.compile(r"images/(?:original|thumbnails|previews)/([0-9a-f]{32})\.(?:png|jpg|webp)")
_SIGNED_EVERY_S = 3600
ADDRESS_LIFE_S = 2 * _SIGNED_EVERY_S


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
class AssetFacts:
    """What is known of an asset before its bytes: who it is for, and which bytes they must be."""

    id: UUID
    user_id: UUID
    sha256: str
    size_bytes: int
    generation_id: UUID | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size_bytes > MAX_BYTES:
            raise ImageTooLarge(f"An image has at most {MAX_BYTES} bytes.", metadata={"max_bytes": str(MAX_BYTES)})
        violations = tuple(self._violations())
        if violations:
            raise AssetInvalid(violations=violations)

    def _violations(self) -> list[Violation]:
        found = []
        if not _SHA256.fullmatch(self.sha256):
            found.append(Violation("sha256", "64 lower-case hex digits"))
        if self.size_bytes < 1:
            found.append(Violation("size_bytes", f"1..{MAX_BYTES}"))
        if len(self.tags) > MAX_TAGS or not all(_is_tag(tag) for tag in self.tags):
            found.append(Violation("tags", f"at most {MAX_TAGS} words of 1..{MAX_TAG_LENGTH} printable characters"))
        return found


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


@dataclass(frozen=True)
class Asset:
    """A stored image: every rendition exists and was verified."""

    facts: AssetFacts
    renditions: tuple[Rendition, ...]
    stored_at: datetime

    def require_same(self, facts: AssetFacts) -> None:
        """Raise AssetConflict unless these facts ask for what is stored already."""
        if (facts.sha256, facts.user_id) != (self.facts.sha256, self.facts.user_id):
            raise AssetConflict


def key_of(asset_id: UUID, kind: RenditionKind, image_format: ImageFormat) -> str:
    """Return the object key; renditions other than the original are WebP."""
    match kind:
        case RenditionKind.ORIGINAL:
            return f"{IMAGES_PREFIX}original/{asset_id.hex}.{image_format.suffix}"
        case RenditionKind.THUMBNAIL:
            return f"{IMAGES_PREFIX}thumbnails/{asset_id.hex}.webp"
        case RenditionKind.PREVIEW:
            return f"{IMAGES_PREFIX}previews/{asset_id.hex}.webp"


def keys_of(asset_id: UUID) -> tuple[str, ...]:
    """Return every key that an attempt to store this asset may have used."""
    originals = tuple(key_of(asset_id, RenditionKind.ORIGINAL, image_format) for image_format in ImageFormat)
    derived = (RenditionKind.THUMBNAIL, RenditionKind.PREVIEW)
    return originals + tuple(key_of(asset_id, kind, ImageFormat.WEBP) for kind in derived)


def asset_of(key: str) -> UUID | None:
    """Return the asset an object key belongs to, or None for a key we did not make."""
    found = _ASSET_KEY.fullmatch(key)
    return UUID(hex=found[1]) if found else None


def signing_time(now: datetime) -> datetime:
    """Return when addresses handed out now count as signed.

    The beginning of the hour: the address of an object stays the same for an hour, so that clients cache it, and is
    good for one to two hours.
    """
    return now - timedelta(seconds=now.timestamp() % _SIGNED_EVERY_S)


def _is_tag(tag: str) -> bool:
    return 1 <= len(tag) <= MAX_TAG_LENGTH and tag.isprintable()
