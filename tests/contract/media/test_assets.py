"""Contract of the assets: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pixel_media.adapters.outbound.postgres.assets import PostgresAssets
from pixel_media.adapters.outbound.postgres.leftovers import PostgresLeftovers
from pixel_media.application.assets.ports import Assets
from pixel_media.application.maintenance.ports import Leftovers
from pixel_media.domain.errors import AssetBeingRemoved, AssetConflict
from pixel_postgres import open_pool
from pixel_runtime.ids import new_id

from tests.fakes.media import PNG, FakeAssets, facts_of, renditions_of

CONTRACTS = {Assets: (FakeAssets, PostgresAssets), Leftovers: (FakeAssets, PostgresLeftovers)}

NOW = datetime(2026, 5, 4, 10, 20, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)


@pytest.fixture(scope="module")
async def database(make_database):
    return await make_database("media")


@pytest.fixture(params=["fake", "real"])
async def backend(request, database):
    """Assets and leftovers over the same rows."""
    if request.param == "fake":
        assets = FakeAssets()
        yield assets, assets
        return
    async with open_pool(database.url, schema="media", application="test") as pool:
        leftovers = PostgresLeftovers(pool)
        stale = await leftovers.give_up_stale(begun_before=datetime.now(UTC) + timedelta(days=3650), limit=1000)
        await leftovers.forget(stale)
        yield PostgresAssets(pool), leftovers


@pytest.fixture
def assets(backend):
    return backend[0]


@pytest.fixture
def leftovers(backend):
    return backend[1]


async def stored(assets, facts):
    await assets.begin(facts, at=NOW)
    return await assets.finish(facts, renditions_of(facts), at=LATER)


async def test_an_asset_reads_back_as_it_was_finished(assets):
    facts = facts_of(PNG, generation_id=new_id(), tags=("ai-generated", "Größe 🖼"))
    asset = await stored(assets, facts)
    assert asset.renditions == tuple(renditions_of(facts))
    assert await assets.find([new_id(), facts.id]) == {facts.id: asset}
    assert await assets.find([]) == {}


async def test_an_unfinished_upload_is_not_visible(assets):
    facts = facts_of(PNG)
    assert await assets.begin(facts, at=NOW) is None
    assert await assets.find([facts.id]) == {}


async def test_an_upload_can_be_started_again(assets):
    facts = facts_of(PNG)
    assert await assets.begin(facts, at=NOW) is None
    assert await assets.begin(facts, at=LATER) is None


async def test_starting_an_upload_of_a_stored_asset_returns_the_asset(assets):
    facts = facts_of(PNG)
    asset = await stored(assets, facts)
    assert await assets.begin(facts, at=LATER) == asset


@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize("other", ["user_id", "sha256"])
async def test_an_asset_id_cannot_be_used_by_another_owner_or_for_other_bytes(assets, is_finished, other):
    facts = facts_of(PNG)
    await assets.begin(facts, at=NOW)
    if is_finished:
        await assets.finish(facts, renditions_of(facts), at=NOW)
    changes = {"user_id": new_id()} if other == "user_id" else {"sha256": "0" * 64}
    with pytest.raises(AssetConflict):
        await assets.begin(facts_of(PNG, **{"id": facts.id, "user_id": facts.user_id} | changes), at=LATER)


async def test_finishing_twice_returns_the_first(assets):
    facts = facts_of(PNG)
    asset = await stored(assets, facts)
    assert await assets.finish(facts, renditions_of(facts)[:1], at=LATER + timedelta(hours=1)) == asset


async def test_concurrent_uploads_that_finish_return_one_asset(assets):
    facts = facts_of(PNG)
    await assets.begin(facts, at=NOW)
    results = await asyncio.gather(*(assets.finish(facts, renditions_of(facts), at=LATER) for _ in range(8)))
    assert all(result == results[0] for result in results)


async def test_of_concurrent_uploads_with_different_bytes_one_starts(assets):
    asset_id, user_id = new_id(), new_id()
    attempts = [facts_of(PNG + bytes([number]), id=asset_id, user_id=user_id) for number in range(8)]
    results = await asyncio.gather(*(assets.begin(facts, at=NOW) for facts in attempts), return_exceptions=True)
    assert results.count(None) == 1
    assert sum(isinstance(result, AssetConflict) for result in results) == 7


async def test_an_abandoned_upload_cannot_be_started_or_finished_until_its_record_is_deleted(assets, leftovers):
    facts = facts_of(PNG)
    await assets.begin(facts, at=NOW)
    assert await leftovers.give_up_stale(begun_before=LATER, limit=10) == [facts.id]
    with pytest.raises(AssetBeingRemoved):
        await assets.begin(facts, at=LATER)
    with pytest.raises(AssetBeingRemoved):
        await assets.finish(facts, renditions_of(facts), at=LATER)
    assert await assets.find([facts.id]) == {}
    await leftovers.forget([facts.id])
    assert await assets.begin(facts, at=LATER) is None


async def test_only_old_uploads_are_abandoned_and_stored_assets_never(assets, leftovers):
    old, young, done = facts_of(PNG), facts_of(PNG), facts_of(PNG)
    await assets.begin(old, at=NOW)
    await assets.begin(young, at=LATER)
    asset = await stored(assets, done)
    assert await leftovers.give_up_stale(begun_before=LATER, limit=10) == [old.id]
    await leftovers.forget([old.id, young.id, done.id])
    assert await assets.finish(young, renditions_of(young), at=LATER)
    assert await assets.find([done.id]) == {done.id: asset}


async def test_abandoned_uploads_that_were_not_deleted_are_abandoned_again(assets, leftovers):
    facts = facts_of(PNG)
    await assets.begin(facts, at=NOW)
    for _ in range(2):
        assert await leftovers.give_up_stale(begun_before=LATER, limit=10) == [facts.id]


async def test_only_ids_without_a_record_are_claimed_as_unknown(assets, leftovers):
    begun, done, unknown = facts_of(PNG), facts_of(PNG), facts_of(PNG)
    await assets.begin(begun, at=NOW)
    await stored(assets, done)
    assert await leftovers.give_up_unknown([begun.id, done.id, unknown.id], at=LATER) == [unknown.id]
    with pytest.raises(AssetBeingRemoved):
        await assets.begin(unknown, at=LATER)
    await leftovers.forget([unknown.id])
    assert await assets.begin(unknown, at=LATER) is None


async def test_one_process_sweeps_at_a_time(leftovers):
    async with leftovers.sweeping() as first:
        assert first
        async with leftovers.sweeping() as second:
            assert not second
    async with leftovers.sweeping() as third:
        assert third


async def test_usage_counts_every_rendition_of_stored_assets(assets):
    before = await assets.usage()
    await assets.begin(facts_of(PNG), at=NOW)
    await stored(assets, facts_of(PNG))
    assert await assets.usage() == {"image": before["image"] + 3 * 40, "video": 0}
