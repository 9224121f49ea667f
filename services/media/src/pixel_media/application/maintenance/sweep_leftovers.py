"""Removes abandoned uploads; afterwards every old object has a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_media.domain.assets.object_keys import IMAGES_PREFIX, asset_of, keys_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from pixel_media.application.maintenance.ports import Leftovers
    from pixel_media.application.ports import Clock, Objects

BATCH = 500


@dataclass(frozen=True)
class Swept:
    """The result of a sweep: abandoned assets removed, and objects skipped because of their foreign keys."""

    removed: int = 0
    foreign: int = 0


async def sweep_leftovers(
    *, leftovers: Leftovers, objects: Objects, clock: Clock, upload_timeout: timedelta
) -> Swept | None:
    """Remove uploads and objects older than twice the upload timeout that belong to no asset.

    None when another process is sweeping. Upload and sweep do not race: an upload is marked as abandoned
    before its objects are deleted, and an abandoned upload cannot be finished.
    """
    begun_before = clock.now() - 2 * upload_timeout
    async with leftovers.sweeping() as is_ours:
        if not is_ours:
            return None
        removed = 0
        while stale := await leftovers.give_up_stale(begun_before=begun_before, limit=BATCH):
            await _remove(stale, leftovers=leftovers, objects=objects)
            removed += len(stale)
        foreign = 0
        async for batch, strangers in _old_objects(objects, begun_before=begun_before):
            unknown = await leftovers.give_up_unknown(batch, at=clock.now())
            await _remove(unknown, leftovers=leftovers, objects=objects)
            removed += len(unknown)
            foreign += strangers
        return Swept(removed, foreign)


async def _old_objects(objects: Objects, *, begun_before: datetime) -> AsyncIterator[tuple[Sequence[UUID], int]]:
    """Yield the assets of old objects in batches, each with a count of foreign keys."""
    batch: dict[UUID, None] = {}
    strangers = 0
    async for found in objects.list(IMAGES_PREFIX):
        if found.modified_at >= begun_before:
            continue
        asset_id = asset_of(found.key)
        if asset_id is None:
            strangers += 1
            continue
        batch[asset_id] = None
        if len(batch) == BATCH:
            yield tuple(batch), strangers
            batch.clear()
            strangers = 0
    yield tuple(batch), strangers


async def _remove(asset_ids: Sequence[UUID], *, leftovers: Leftovers, objects: Objects) -> None:
    for asset_id in asset_ids:
        for key in keys_of(asset_id):
            await objects.delete(key)
    await leftovers.forget(asset_ids)
