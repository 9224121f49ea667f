"""Contract of every image provider."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from pixel_generation.adapters.outbound.providers.openai import OpenAIImages
from pixel_generation.adapters.outbound.providers.sketch import STYLES, SketchPainter
from pixel_generation.domain.providers.provider import Provider, ProviderError
from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE, ImageRequest, TextToImage

from tests.fakes.generation_neighbours import FakeTextToImage
from tests.fakes.openai_server import Fault, run_openai_server

CONTRACTS = {
    Provider: (FakeTextToImage, SketchPainter, OpenAIImages),
    TextToImage: (FakeTextToImage, SketchPainter, OpenAIImages),
}


@pytest.fixture(params=["sketch", "openai"])
async def model(request):
    async with run_openai_server() as server:
        images = (
            SketchPainter() if request.param == "sketch" else OpenAIImages(api_key="sk-test", base_url=server.base_url)
        )
        yield images
        await images.close()


@pytest.fixture(params=["fake", "sketch", "openai"])
async def any_model(request):
    async with run_openai_server() as server:
        made: dict[str, Callable[[], TextToImage]] = {
            "fake": FakeTextToImage,
            "sketch": SketchPainter,
            "openai": partial(OpenAIImages, api_key="sk-test", base_url=server.base_url),
        }
        model = made[request.param]()
        yield model
        await model.close()


def a_request(**facts) -> ImageRequest:
    defaults: dict[str, Any] = {
        "generation_id": "gen_1",
        "attempt": 1,
        "provider_model": "m",
        "prompt": "a lighthouse at dawn",
        "count": 3,
        "width": 128,
        "height": 96,
        "seed": 40,
        "timeout_s": 30.0,
    }
    return ImageRequest(**(defaults | facts))


async def collected(images, request):
    return sorted([image async for image in images.generate(request)], key=lambda image: image.index)


async def test_every_image_is_delivered_once_with_its_index(any_model):
    assert [image.index for image in await collected(any_model, a_request())] == [0, 1, 2]
    await any_model.close()


async def test_the_bytes_are_an_image_of_the_stated_size_and_type(model):
    for image in await collected(model, a_request()):
        decoded = Image.open(io.BytesIO(image.data))
        assert decoded.size == (128, 96)
        assert Image.MIME[decoded.format or ""] == image.content_type


@pytest.mark.parametrize(
    "prompt", ["شروق الشمس فوق البحر", "夜の街、雨、ネオン", "🐱 'quotes' \"and\" \\ \u202eright-to-left", "x" * 4000]
)
async def test_prompts_in_any_script_are_accepted_unchanged(model, prompt):
    assert len(await collected(model, a_request(prompt=prompt, count=1))) == 1


async def test_a_reader_that_stops_early_ends_the_call(model):
    pictures = model.generate(a_request())
    first = await anext(pictures)
    await pictures.aclose()
    assert first.data
    assert len(await collected(model, a_request(count=1))) == 1


async def test_a_repeatable_model_gives_the_same_bytes_again(model):
    first, second = [await collected(model, a_request()) for _ in range(2)]
    if model.repeatable:
        assert [image.data for image in first] == [image.data for image in second]
        assert [image.cost_usd_micros for image in first] == [0, 0, 0]


async def test_a_provider_implements_the_ports_it_declares(any_model):
    assert (TEXT_TO_IMAGE in any_model.capabilities) == isinstance(any_model, TextToImage)
    await any_model.close()


async def test_closing_is_idempotent(model):
    await model.close()


async def test_the_sketch_model_counts_seeds_from_the_requested_one():
    painter = SketchPainter()
    pictures = await collected(painter, a_request())
    alone = await collected(painter, a_request(seed=42, count=1))
    await painter.close()
    assert [image.seed for image in pictures] == [40, 41, 42]
    assert alone[0].data == pictures[2].data


async def test_the_sketch_models_png_states_that_no_ai_model_made_it():
    painter = SketchPainter(threads=1)
    image = (await collected(painter, a_request(style=STYLES[1], count=1)))[0]
    await painter.close()
    decoded = Image.open(io.BytesIO(image.data))
    assert isinstance(decoded, PngImageFile)
    assert decoded.text == {
        "Software": "studio-sketch (procedural, not a model)",
        "Parameters": "style=ink seed=40 size=128x96",
    }


@pytest.mark.parametrize(("width", "height"), [(0, 10), (63, 500), (5000, 64)])
async def test_the_sketch_model_refuses_unsupported_sizes(width, height):
    painter = SketchPainter()
    with pytest.raises(ProviderError) as caught:
        await collected(painter, a_request(width=width, height=height))
    await painter.close()
    assert (caught.value.failure_code, caught.value.retryable) == ("provider_rejected", False)


async def test_each_call_consumes_one_planned_fault():
    async with run_openai_server([Fault.SERVER_ERROR]) as server:
        images = OpenAIImages(api_key="sk-test", base_url=server.base_url)
        with pytest.raises(ProviderError):
            await collected(images, a_request())
        assert len(await collected(images, a_request())) == 3
        await images.close()
    assert len(server.generations) == 2
