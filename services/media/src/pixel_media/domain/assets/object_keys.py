"""The object keys of an asset."""

from __future__ import annotations

import re
from uuid import UUID

from pixel_media.domain.renditions.rendition import ImageFormat, RenditionKind

IMAGES_PREFIX = "images/"
"""Key prefix of every object of an image asset."""
_ASSET_KEY = re.compile(r"images/(?:original|thumbnails|previews)/([0-9a-f]{32})\.(?:png|jpg|webp)")


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
    """Return every key that an upload of this asset may have used."""
    originals = tuple(key_of(asset_id, RenditionKind.ORIGINAL, image_format) for image_format in ImageFormat)
    derived = (RenditionKind.THUMBNAIL, RenditionKind.PREVIEW)
    return originals + tuple(key_of(asset_id, kind, ImageFormat.WEBP) for kind in derived)


def asset_of(key: str) -> UUID | None:
    """Return the asset of an object key, or None for a foreign key."""
    found = _ASSET_KEY.fullmatch(key)
    return UUID(hex=found[1]) if found else None
