"""Store an image: decode it, store it with its renditions, then make it visible."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Conflict

from pixel_media.application.renditions.store_derived import store_derived, verify_stored
from pixel_media.domain.assets.content import format_of
from pixel_media.domain.assets.object_keys import key_of
from pixel_media.domain.errors import AssetConflict
from pixel_media.domain.renditions.rendition import Rendition, RenditionKind

if TYPE_CHECKING:
    from pixel_media.application.assets.ports import Assets
    from pixel_media.application.ports import Clock, Objects
    from pixel_media.application.renditions.ports import Renderer
    from pixel_media.domain.assets.asset import Asset, AssetFacts


@dataclass(frozen=True)
class StoreAsset:
    """Bytes that match the size and hash of the metadata."""

    facts: AssetFacts
    data: bytes


async def store_asset(cmd: StoreAsset, *, assets: Assets, objects: Objects, renderer: Renderer, clock: Clock) -> Asset:
    """Return the stored asset; repeating the command after any failure continues where it stopped."""
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
    await verify_stored(original, objects)
    derived = await asyncio.gather(*(store_derived(facts.id, form, objects=objects) for form in rendering.derived))
    return await assets.finish(facts, [original, *derived], at=clock.now())
