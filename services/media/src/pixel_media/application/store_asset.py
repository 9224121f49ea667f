"""Keep an image: decode it, store it with its smaller forms, then make it visible."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Conflict, NotFound, Unavailable

from pixel_media.domain.asset import Asset, AssetFacts, ImageFormat, Rendition, RenditionKind, key_of
from pixel_media.domain.content import format_of
from pixel_media.domain.errors import AssetConflict

if TYPE_CHECKING:
    from pixel_media.application.ports import Assets, Clock, Objects, Renderer
    from pixel_media.domain.rendering import Derived


@dataclass(frozen=True)
class StoreAsset:
    """Bytes that have the size and hash of the facts."""

    facts: AssetFacts
    data: bytes


async def store_asset(cmd: StoreAsset, *, assets: Assets, objects: Objects, renderer: Renderer, clock: Clock) -> Asset:
    """Return the stored asset; repeating the command after any failure goes on where it stopped."""
    facts = cmd.facts
    image_format = format_of(cmd.data)
    stored = await assets.begin(facts, at=clock.now())
    if stored is not None:
        return stored
    rendering = await renderer.render(cmd.data, image_format)
    original = Rendition(
        kind=RenditionKind.ORIGINAL,
        key=key_of(facts.id, RenditionKind.ORIGINAL, image_format),
        content_type=image_format.value,
        width=rendering.width,
        height=rendering.height,
        size_bytes=facts.size_bytes,
        sha256=facts.sha256,
    )
    try:
        await objects.put(original.key, cmd.data, content_type=original.content_type, sha256=original.sha256)
    except Conflict as error:
        raise AssetConflict from error
    await _verify(original, objects)
    derived = await asyncio.gather(*(_keep(facts, form, objects) for form in rendering.derived))
    return await assets.finish(facts, [original, *derived], at=clock.now())


async def _keep(facts: AssetFacts, form: Derived, objects: Objects) -> Rendition:
    """Store a smaller form; one that is there already counts, whichever version of the encoder made it."""
    key = key_of(facts.id, form.kind, ImageFormat.WEBP)
    made = _rendition(form, key, size_bytes=len(form.data), sha256=hashlib.sha256(form.data).hexdigest())
    try:
        await objects.put(key, form.data, content_type=made.content_type, sha256=made.sha256)
    except Conflict:
        # Only an attempt with the same original gets this far, so what is there shows the same picture.
        found = await objects.stat(key)
        return _rendition(form, key, size_bytes=found.size_bytes, sha256=found.sha256)
    await _verify(made, objects)
    return made


def _rendition(form: Derived, key: str, *, size_bytes: int, sha256: str) -> Rendition:
    return Rendition(form.kind, key, ImageFormat.WEBP.value, form.width, form.height, size_bytes, sha256)


async def _verify(rendition: Rendition, objects: Objects) -> None:
    """Raise Unavailable unless the store holds exactly these bytes; trying again is right."""
    try:
        found = await objects.stat(rendition.key)
    except NotFound as error:
        raise Unavailable("The store lost an object.", reason="STORAGE_UNVERIFIED") from error
    if (found.size_bytes, found.sha256) != (rendition.size_bytes, rendition.sha256):
        raise Unavailable("The store holds other bytes than were sent.", reason="STORAGE_UNVERIFIED")
