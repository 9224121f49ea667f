"""An asset becomes visible when everything is stored, and a retry repairs every failure."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from functools import partial

import pytest
from pixel_errors import Unavailable
from pixel_limits.media import BATCH_GET_ASSETS_REQUEST_ASSET_IDS_MAX_ITEMS as MAX_IDS
from pixel_media.application.assets.get_assets import get_assets
from pixel_media.application.assets.store_asset import StoreAsset, store_asset
from pixel_media.domain.errors import AssetConflict, AssetInvalid, BrokenImage, UnsupportedImage
from pixel_media.domain.renditions.rendition import RenditionKind
from pixel_runtime.ids import new_id

from tests.fakes.media import PNG, FakeAssets, FakeClock, FakeRenderer, facts_of
from tests.fakes.media_blobs import FakeBlobs, StoredBytes


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    assets: FakeAssets = field(default_factory=FakeAssets)
    renderer: FakeRenderer = field(default_factory=FakeRenderer)

    def __post_init__(self) -> None:
        self.blobs = FakeBlobs(self.clock.now)
        self._store = partial(
            store_asset, assets=self.assets, objects=self.blobs, renderer=self.renderer, clock=self.clock
        )
        self.get = partial(get_assets, assets=self.assets, objects=self.blobs, clock=self.clock)

    async def store(self, data, facts):
        return await self._store(StoreAsset(facts, data))


@pytest.fixture
def world():
    return World()


def keys(facts):
    return [
        f"images/original/{facts.id.hex}.png",
        f"images/thumbnails/{facts.id.hex}.webp",
        f"images/previews/{facts.id.hex}.webp",
    ]


async def test_a_stored_asset_has_its_original_byte_for_byte_and_two_smaller_forms(world):
    facts = facts_of(PNG, tags=("ai-generated",))
    asset = await world.store(PNG, facts)
    assert [rendition.key for rendition in asset.renditions] == keys(facts)
    assert await world.blobs.get(keys(facts)[0]) == PNG
    for rendition in asset.renditions:
        data = await world.blobs.get(rendition.key)
        assert (rendition.size_bytes, rendition.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (asset.facts, asset.stored_at) == (facts, world.clock.now())
    assert await world.assets.find([facts.id]) == {facts.id: asset}


async def test_storing_the_same_again_returns_the_first_asset(world):
    facts = facts_of(PNG)
    first = await world.store(PNG, facts)
    world.renderer.version = 2
    assert await world.store(PNG, facts) == first


async def test_concurrent_uploads_with_one_id_store_one_asset(world):
    facts = facts_of(PNG)
    stored = await asyncio.gather(*(world.store(PNG, facts) for _ in range(8)))
    assert all(asset == stored[0] for asset in stored)
    assert len(world.blobs.objects) == 3


@pytest.mark.parametrize("other", [{"user_id": new_id()}, {}], ids=["owner", "bytes"])
async def test_a_used_id_is_refused_for_another_owner_or_other_bytes(world, other):
    facts = facts_of(PNG)
    await world.store(PNG, facts)
    before = dict(world.blobs.objects)
    data = PNG if other else PNG + b"other"
    with pytest.raises(AssetConflict):
        await world.store(data, facts_of(data, **{"id": facts.id} | other))
    assert world.blobs.objects == before


async def test_an_object_under_our_key_with_other_bytes_is_a_conflict(world):
    facts = facts_of(PNG)
    world.blobs.objects[keys(facts)[0]] = StoredBytes(b"older", "image/png", world.clock.now())
    with pytest.raises(AssetConflict):
        await world.store(PNG, facts)
    assert await world.assets.find([facts.id]) == {}


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("after_effect", [False, True], ids=["lost request", "lost answer"])
async def test_a_failed_put_leaves_nothing_visible_and_a_retry_succeeds(world, at, after_effect):
    facts = facts_of(PNG)
    world.blobs.failures[keys(facts)[at]] = Unavailable("away")
    world.blobs.fail_after_effect = after_effect
    with pytest.raises(Unavailable):
        await world.store(PNG, facts)
    assert await world.assets.find([facts.id]) == {}
    asset = await world.store(PNG, facts)
    assert [rendition.key for rendition in asset.renditions] == keys(facts)


async def test_renditions_of_an_older_encoder_are_kept_by_a_retry(world):
    facts = facts_of(PNG)
    world.blobs.failures[keys(facts)[2]] = Unavailable("away")
    with pytest.raises(Unavailable):
        await world.store(PNG, facts)
    world.renderer.version = 2
    for rendition in (await world.store(PNG, facts)).renditions:
        data = await world.blobs.get(rendition.key)
        assert rendition.sha256 == hashlib.sha256(data).hexdigest()


async def test_a_store_that_returns_another_checksum_is_an_error(world):
    class Forgetful(FakeBlobs):
        async def put(self, key, data, *, content_type, sha256):
            await super().put(key, data, content_type=content_type, sha256=sha256)
            self.objects[key].data = data[:-1]

    facts = facts_of(PNG)
    blobs = Forgetful()
    with pytest.raises(Unavailable) as error:
        await store_asset(
            StoreAsset(facts, PNG), assets=world.assets, objects=blobs, renderer=world.renderer, clock=world.clock
        )
    assert error.value.code == "STORAGE_UNVERIFIED"
    assert await world.assets.find([facts.id]) == {}


async def test_content_that_is_not_an_image_stores_nothing(world):
    with pytest.raises(UnsupportedImage):
        await world.store(b"<svg/>", facts_of(b"<svg/>"))
    assert (world.assets.rows, world.blobs.objects) == ({}, {})


async def test_a_broken_image_stores_no_object(world):
    facts = facts_of(PNG)
    world.renderer.refuses = BrokenImage()
    with pytest.raises(BrokenImage):
        await world.store(PNG, facts)
    assert world.blobs.objects == {}
    assert await world.assets.find([facts.id]) == {}


async def test_assets_are_returned_in_request_order_without_missing_ones(world):
    stored = [facts_of(PNG + bytes([number])) for number in range(3)]
    for number, facts in enumerate(stored):
        await world.store(PNG + bytes([number]), facts)
    wanted = [stored[2].id, new_id(), stored[0].id, stored[2].id]
    found = await world.get(wanted)
    assert [addressed.asset.facts.id for addressed in found] == [stored[2].id, stored[0].id, stored[2].id]
    assert set(found[0].addresses) == set(RenditionKind)


async def test_a_signed_url_stays_the_same_for_an_hour(world):
    facts = facts_of(PNG)
    await world.store(PNG, facts)
    (first,) = await world.get([facts.id])
    world.clock.time = world.clock.time.replace(minute=59)
    assert await world.get([facts.id]) == [first]
    world.clock.time = world.clock.time.replace(hour=11, minute=0)
    (next_hour,) = await world.get([facts.id])
    assert next_hour.addresses != first.addresses
    assert next_hour.expires_at > first.expires_at > world.clock.now()


async def test_a_request_names_at_most_500_assets(world):
    assert await world.get([new_id()] * MAX_IDS) == []
    with pytest.raises(AssetInvalid):
        await world.get([new_id()] * (MAX_IDS + 1))
