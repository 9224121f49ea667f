"""Stores the renditions of an image."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pixel_errors import Conflict, NotFound, Unavailable

from pixel_media.domain.assets.object_keys import key_of
from pixel_media.domain.renditions.rendition import ImageFormat, Rendition

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_media.application.ports import Objects
    from pixel_media.domain.renditions.rendering import Derived


async def store_derived(asset_id: UUID, form: Derived, *, objects: Objects) -> Rendition:
    """Store a rendition; an existing one is kept, also when another encoder version made it."""
    key = key_of(asset_id, form.kind, ImageFormat.WEBP)
    made = _rendition(form, key, size_bytes=len(form.data), sha256=hashlib.sha256(form.data).hexdigest())
    try:
        await objects.put(key, form.data, content_type=made.content_type, sha256=made.sha256)
    except Conflict:
        # Only an upload of the same original gets here, so an existing object shows the same image.
        found = await objects.stat(key)
        return _rendition(form, key, size_bytes=found.size_bytes, sha256=found.sha256)
    await verify_stored(made, objects)
    return made


async def verify_stored(rendition: Rendition, objects: Objects) -> None:
    """Raise Unavailable unless the store holds exactly these bytes; the caller may retry."""
    try:
        found = await objects.stat(rendition.key)
    except NotFound as error:
        raise Unavailable("The store has lost an object.", reason="STORAGE_UNVERIFIED") from error
    if (found.size_bytes, found.sha256) != (rendition.size_bytes, rendition.sha256):
        raise Unavailable("The store holds other bytes than were sent.", reason="STORAGE_UNVERIFIED")


def _rendition(form: Derived, key: str, *, size_bytes: int, sha256: str) -> Rendition:
    return Rendition(form.kind, key, ImageFormat.WEBP.value, form.width, form.height, size_bytes, sha256)
