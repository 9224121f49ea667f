from __future__ import annotations

from uuid import UUID

import pytest
from pixel_social.application.sets.get_set import GetSet, get_set
from pixel_social.domain.errors import SetNotFound

from tests.fakes.social import FakeSets, FakeStore, make_image_set

OWNER, STRANGER = UUID(int=1), UUID(int=2)


async def stored(*, private: bool) -> tuple[FakeSets, UUID]:
    store = FakeStore()
    image_set = make_image_set(1, images=2, private=private)
    async with store.transaction() as tx:
        await tx.add_set(image_set)
    return FakeSets(store), image_set.id


@pytest.mark.parametrize("viewer", [OWNER, STRANGER, None])
async def test_a_public_set_is_seen_by_everybody(viewer):
    sets, set_id = await stored(private=False)
    assert len((await get_set(GetSet(set_id, viewer), sets=sets)).images) == 2


async def test_a_private_set_is_seen_by_its_owner():
    sets, set_id = await stored(private=True)
    assert len((await get_set(GetSet(set_id, OWNER), sets=sets)).images) == 2


@pytest.mark.parametrize("viewer", [STRANGER, None])
async def test_a_private_set_does_not_exist_for_others(viewer):
    sets, set_id = await stored(private=True)
    with pytest.raises(SetNotFound):
        await get_set(GetSet(set_id, viewer), sets=sets)


async def test_an_unknown_set_is_not_found():
    sets, _ = await stored(private=False)
    with pytest.raises(SetNotFound):
        await get_set(GetSet(UUID(int=9), OWNER), sets=sets)
