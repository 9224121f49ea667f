"""A sweep removes abandoned uploads only."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from pixel_errors import Unavailable
from pixel_media.application.assets.store_asset import StoreAsset, store_asset
from pixel_media.application.maintenance.sweep_leftovers import Swept, sweep_leftovers
from pixel_media.domain.assets.object_keys import key_of
from pixel_media.domain.errors import AssetBeingRemoved
from pixel_media.domain.renditions.rendition import ImageFormat, RenditionKind
from pixel_runtime.ids import new_id

from tests.fakes.media import PNG, FakeAssets, FakeClock, FakeRenderer, facts_of
from tests.fakes.media_blobs import FakeBlobs, StoredBytes

TIMEOUT = timedelta(seconds=60)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.assets = FakeAssets()
        self.blobs = FakeBlobs(self.clock.now)
        self.store = partial(
            store_asset, assets=self.assets, objects=self.blobs, renderer=FakeRenderer(), clock=self.clock
        )
        self.sweep = partial(
            sweep_leftovers, leftovers=self.assets, objects=self.blobs, clock=self.clock, upload_timeout=TIMEOUT
        )

    async def abandon(self, facts):
        """Start an upload that fails at the last object."""
        self.blobs.failures[key_of(facts.id, RenditionKind.PREVIEW, ImageFormat.PNG)] = Unavailable("away")
        with pytest.raises(Unavailable):
            await self.store(StoreAsset(facts, PNG))

    def orphan(self, asset_id):
        key = key_of(asset_id, RenditionKind.THUMBNAIL, ImageFormat.WEBP)
        self.blobs.objects[key] = StoredBytes(b"late", "image/webp", self.clock.now())


@pytest.fixture
def world():
    return World()


async def test_an_abandoned_upload_is_removed_after_twice_the_timeout(world):
    facts = facts_of(PNG)
    await world.abandon(facts)
    world.clock.advance(2 * TIMEOUT)
    assert await world.sweep() == Swept()
    assert len(world.blobs.objects) == 2
    world.clock.advance(timedelta(seconds=1))
    assert await world.sweep() == Swept(removed=1)
    assert (world.assets.rows, world.blobs.objects) == ({}, {})
    await world.store(StoreAsset(facts, PNG))


async def test_objects_without_any_row_are_removed_when_they_are_old(world):
    world.orphan(new_id())
    assert await world.sweep() == Swept()
    world.clock.advance(2 * TIMEOUT + timedelta(seconds=1))
    world.orphan(new_id())
    assert await world.sweep() == Swept(removed=1)
    assert len(world.blobs.objects) == 1
    assert world.assets.rows == {}


async def test_stored_assets_are_never_removed(world):
    facts = facts_of(PNG)
    await world.store(StoreAsset(facts, PNG))
    world.clock.advance(timedelta(days=1000))
    assert await world.sweep() == Swept()
    assert len(world.blobs.objects) == 3


async def test_an_upload_that_was_started_again_is_not_abandoned(world):
    facts = facts_of(PNG)
    await world.abandon(facts)
    world.clock.advance(3 * TIMEOUT)
    await world.assets.begin(facts, at=world.clock.now())
    assert await world.sweep() == Swept()
    assert (await world.store(StoreAsset(facts, PNG))).facts == facts


async def test_objects_with_foreign_keys_are_counted_and_kept(world):
    world.blobs.objects["images/gemini/picture.png"] = StoredBytes(b"x", "image/png", world.clock.now())
    world.clock.advance(3 * TIMEOUT)
    assert await world.sweep() == Swept(foreign=1)
    assert len(world.blobs.objects) == 1


async def test_a_sweep_finishes_what_a_killed_one_started(world):
    facts = facts_of(PNG)
    await world.abandon(facts)
    world.clock.advance(3 * TIMEOUT)
    await world.assets.give_up_stale(begun_before=world.clock.now(), limit=10)
    with pytest.raises(AssetBeingRemoved):
        await world.store(StoreAsset(facts, PNG))
    assert await world.sweep() == Swept(removed=1)
    assert world.assets.rows == {}


async def test_sweeps_do_not_run_concurrently(world):
    async with world.assets.sweeping() as is_ours:
        assert is_ours
        assert await world.sweep() is None
    assert await world.sweep() == Swept()


async def test_more_leftovers_than_one_batch_are_all_removed(world):
    for _ in range(1100):
        world.orphan(new_id())
    world.clock.advance(3 * TIMEOUT)
    assert await world.sweep() == Swept(removed=1100)
    assert world.blobs.objects == {}
