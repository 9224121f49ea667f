"""Contract of the catalogues: the fake and the seeded one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.application.ports import Catalogues
from pixel_generation.domain.errors import ModelNotFound
from pixel_postgres import open_pool

from tests.fakes.generation_catalogue import FLARE, SKETCH, FakeCatalogue, painting
from tests.parts import MakeDatabase

CONTRACTS = {Catalogues: (FakeCatalogue, PostgresCatalogue, CachedCatalogue)}


@pytest.fixture(params=["fake", "postgres", "cached"])
async def source(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncIterator[Catalogues]:
    if request.param == "fake":
        yield FakeCatalogue()
        return
    database = await make_database("generation")
    async with open_pool(database.url, schema="generation", application="test") as pool:
        catalogue = PostgresCatalogue(pool, default="studio-sketch", providers=painting("sketch"))
        yield CachedCatalogue(catalogue) if request.param == "cached" else catalogue


async def test_models_are_found_by_id_and_alias_with_their_availability(source: Catalogues) -> None:
    catalogue = await source.current()
    sketch, flare = catalogue.find(""), catalogue.find("dall-e-3")
    assert [(each.id, each.provider, each.queue, each.takes_seed) for each in (sketch, flare)] == [
        (each.id, each.provider, each.queue, each.takes_seed) for each in (SKETCH, FLARE)
    ]
    assert (catalogue.is_available(sketch), catalogue.is_available(flare)) == (True, False)
    assert catalogue.price(sketch, "", "1024x1024").credits_per_unit == 1
    with pytest.raises(ModelNotFound):
        catalogue.find("no-such-model")
