"""A catalogue of two models in memory."""

from __future__ import annotations

from pixel_generation.domain.catalogue.catalogue import Catalogue, Model, Price, Size
from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE

SKETCH = Model(
    id="studio-sketch",
    provider="sketch",
    provider_model="studio-sketch",
    display_name="Sketch",
    queue="sketch",
    credits_per_unit=1,
    ratios={"1:1": Size(1024, 1024), "16:9": Size(1344, 768), "3:2": Size(1248, 832)},
    extra_sizes=(Size(512, 512), Size(640, 512), Size(1536, 1024), Size(1792, 1024)),
    styles=("ink", "oil"),
    typical_seconds=1.0,
    capabilities=frozenset({TEXT_TO_IMAGE}),
    prices=(Price("studio-sketch/1", "studio-sketch", 1, 0),),
)
FLARE = Model(
    id="gpt-image-2.5-flare",
    provider="openai",
    provider_model="gpt-image-2.5-flare",
    display_name="Flare",
    queue="openai",
    credits_per_unit=4,
    ratios={"1:1": Size(1024, 1024), "3:2": Size(1536, 1024)},
    qualities=("low", "high"),
    parameters={"background": ("auto", "opaque")},
    aliases=("dall-e-3",),
    max_units=4,
    typical_seconds=20.0,
    takes_seed=False,
    capabilities=frozenset({TEXT_TO_IMAGE}),
    prices=(Price("gpt-image-2.5-flare/1", "gpt-image-2.5-flare", 4),),
)


def painting(*providers: str) -> dict[str, frozenset[str]]:
    """Providers that make images from texts."""
    return dict.fromkeys(providers, frozenset({TEXT_TO_IMAGE}))


class FakeCatalogue:
    def __init__(self, *models: Model, providers: frozenset[str] = frozenset({"sketch"})) -> None:
        self.catalogue = Catalogue(models or (SKETCH, FLARE), default="studio-sketch", providers=painting(*providers))

    async def current(self) -> Catalogue:
        return self.catalogue
