"""Unsupported values are refused or adjusted, and delivered images have the promised size."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.providers.sketch import SketchPainter
from pixel_generation.domain.catalogue.catalogue import Catalogue, Model, Size
from pixel_generation.domain.errors import WorkInvalid
from pixel_generation.domain.providers.text_to_image import ImageRequest
from pixel_generation.domain.routing.routing import route
from pixel_generation.domain.work.image import ImageWork
from pixel_postgres import open_pool

from tests.fakes.generation_catalogue import painting
from tests.fakes.generation_outputs import image_of
from tests.parts import MakeDatabase

FOX = ImageWork("a fox in the snow")


@pytest.fixture
async def catalogue(make_database: MakeDatabase) -> Catalogue:
    database = await make_database("generation")
    async with open_pool(database.url, schema="generation", application="test") as pool:
        providers = painting("sketch", "openai")
        return await PostgresCatalogue(pool, default="studio-sketch", providers=providers).current()


def out_of_range(model: Model) -> dict[str, ImageWork]:
    """Return a request for each field with an unsupported value."""
    asked = replace(FOX, model=model.id)
    requests = {
        "numberOfImages": replace(asked, number_of_images=model.max_units + 1),
        "quality": replace(asked, quality="unheard-of"),
        "aspectRatio": replace(asked, aspect_ratio="31:9"),
        "size": replace(asked, size="1001x999"),
        "parameters": replace(asked, parameters={"unheard_of": "1"}),
    }
    if model.styles:
        requests["style"] = replace(asked, style="unheard-of")
    if not model.takes_seed:
        requests["seed"] = replace(asked, seed=7)
    return requests


async def test_no_value_of_any_model_is_dropped_silently(catalogue: Catalogue) -> None:
    for model in catalogue.models:
        for field, work in out_of_range(model).items():
            with pytest.raises(WorkInvalid) as refused:
                route(work, catalogue, lambda: 1)
            (violation,) = refused.value.violations
            assert violation.field == field
            found = route(work, catalogue, lambda: 1, adjust=True)
            assert [adjustment.field for adjustment in found.adjustments] == [field]
            assert found.work.size in map(str, model.sizes)


async def test_a_seed_is_accepted_by_models_with_repeatable_output_only(catalogue: Catalogue) -> None:
    assert {model.id for model in catalogue.models if model.takes_seed} == {"studio-sketch"}


@pytest.mark.parametrize(
    "changes", [{"size": "260x250"}, {"size": "300x256"}, {"aspect_ratio": "1:1", "size": "500x400"}]
)
async def test_the_image_has_the_promised_size(catalogue: Catalogue, changes: dict[str, str]) -> None:
    found = route(replace(FOX, **changes), catalogue, lambda: 1, adjust=True)  # type: ignore[arg-type]
    assert found.adjustments
    painter, size = SketchPainter(), Size.parse(found.work.size)
    request = ImageRequest(
        generation_id="gen_1",
        attempt=1,
        provider_model=found.model.provider_model,
        prompt=image_of(found).prompt,
        count=1,
        width=size.width,
        height=size.height,
        seed=image_of(found).seed or 0,
    )
    (picture,) = [picture async for picture in painter.generate(request)]
    await painter.close()
    assert "x".join(map(str, Image.open(io.BytesIO(picture.data)).size)) == found.work.size
