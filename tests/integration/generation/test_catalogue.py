"""The seeded catalogue fits the providers it names."""

from __future__ import annotations

from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.providers.sketch import STYLES
from pixel_generation.domain.catalogue.catalogue import Catalogue
from pixel_postgres import open_pool

from tests.fakes.generation_catalogue import painting
from tests.parts import MakeDatabase


async def load(make_database: MakeDatabase) -> Catalogue:
    database = await make_database("generation")
    async with open_pool(database.url, schema="generation", application="test") as pool:
        return await PostgresCatalogue(pool, default="studio-sketch", providers=painting("sketch")).current()


async def test_the_default_model_is_sketch_with_its_styles(make_database: MakeDatabase) -> None:
    sketch = (await load(make_database)).find("")
    assert sketch.id == "studio-sketch"
    assert set(sketch.styles) == set(STYLES)


async def test_sizes_fit_their_ratios_and_have_even_edges(make_database: MakeDatabase) -> None:
    for model in (await load(make_database)).models:
        for ratio, size in model.ratios.items():
            across, down = map(int, ratio.split(":"))
            assert abs(size.width / size.height - across / down) < 0.02 * across / down, (model.id, ratio)
            assert size.width % 16 == size.height % 16 == 0


async def test_retired_model_names_are_aliases_of_current_models(make_database: MakeDatabase) -> None:
    catalogue = await load(make_database)
    assert {catalogue.find(name).id for name in ("dall-e-3", "dall-e", "gpt-image-1")} == {"gpt-image-2.5-flare"}
