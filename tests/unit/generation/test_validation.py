from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_errors import PixelError
from pixel_generation.domain.catalogue.catalogue import Catalogue
from pixel_generation.domain.errors import ModelNotFound, ModelUnavailable, WorkInvalid
from pixel_generation.domain.routing.routing import RoutedWork, route
from pixel_generation.domain.work.image import ImageWork
from pixel_limits.generation import IMAGE_WORK_SEED_LTE as MAX_SEED

from tests.fakes.generation_catalogue import FLARE, SKETCH, painting
from tests.fakes.generation_outputs import image_of

EVERY = Catalogue([SKETCH, FLARE], default="studio-sketch", providers=painting("sketch", "openai"))
KEYLESS = Catalogue([SKETCH, FLARE], default="studio-sketch", providers=painting("sketch"))
FOX = ImageWork("a fox")


def check(catalogue: Catalogue = EVERY, **changes: Any) -> RoutedWork:
    return route(replace(FOX, **changes), catalogue, lambda: 42)


def fields_at_fault(**changes: Any) -> set[str]:
    with pytest.raises(WorkInvalid) as refused:
        check(**changes)
    assert all(violation.message for violation in refused.value.violations)
    return {violation.field for violation in refused.value.violations}


def test_omitted_options_get_defaults() -> None:
    resolved = check(prompt="  a fox \n", number_of_images=3)
    assert resolved.work == replace(
        FOX, number_of_images=3, model="studio-sketch", aspect_ratio="1:1", size="1024x1024", seed=42
    )
    assert resolved.cost_credits == 3


def test_an_alias_is_resolved_to_its_model() -> None:
    resolved = check(model="dall-e-3", number_of_images=2)
    assert (resolved.work.model, resolved.cost_credits) == ("gpt-image-2.5-flare", 8)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": " \n\t "}, "prompt"),
        ({"prompt": "x" * 4001}, "prompt"),
        ({"prompt": "👩‍👩‍👧‍👦" * 700}, "prompt"),
        ({"prompt": "a\0b"}, "prompt"),
        ({"prompt": "a\ud800b"}, "prompt"),
        ({"custom_prompt": "x" * 4001}, "customPrompt"),
        ({"number_of_images": 0}, "numberOfImages"),
        ({"number_of_images": -1}, "numberOfImages"),
        ({"number_of_images": 10_000}, "numberOfImages"),
        ({"model": "dall-e-3", "number_of_images": 5}, "numberOfImages"),
        ({"aspect_ratio": "7:0"}, "aspectRatio"),
        ({"aspect_ratio": "21:9"}, "aspectRatio"),
        ({"size": "1x1"}, "size"),
        ({"size": "banana"}, "size"),
        ({"size": "1024x1024", "aspect_ratio": "16:9"}, "size"),
        ({"style": "cubism"}, "style"),
        ({"style": "x" * 101, "model": "dall-e-3"}, "style"),
        ({"quality": "high"}, "quality"),
        ({"seed": -1}, "seed"),
        ({"seed": MAX_SEED + 1}, "seed"),
        ({"parameters": {"steps": 5}}, "parameters"),
        ({"model": "dall-e-3", "parameters": {"background": ["auto"]}}, "parameters"),
    ],
)
def test_an_invalid_field_is_named(changes: dict[str, Any], field: str) -> None:
    assert fields_at_fault(**changes) == {field}


def test_all_invalid_fields_are_reported_at_once() -> None:
    assert fields_at_fault(prompt="", number_of_images=0, size="x") == {"prompt", "numberOfImages", "size"}


def test_a_prompt_of_four_thousand_characters_is_accepted() -> None:
    assert len(image_of(check(prompt="é" * 4000)).prompt) == 4000


@pytest.mark.parametrize(
    ("size", "ratio"),
    [("1344x768", "16:9"), ("1536x1024", "3:2"), ("1792x1024", "16:9"), ("640x512", "5:4"), ("512x512", "1:1")],
)
def test_a_size_determines_the_aspect_ratio(size: str, ratio: str) -> None:
    assert image_of(check(size=size)).aspect_ratio == ratio


def test_a_size_with_its_own_ratio_is_accepted() -> None:
    assert check(size="512x512", aspect_ratio="1:1").work.size == "512x512"


def test_accepted_options_are_kept() -> None:
    work = image_of(check(model="dall-e-3", quality="high", parameters={"background": "opaque"}))
    assert (work.quality, work.parameters) == ("high", {"background": "opaque"})


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelNotFound) as refused:
        check(model="midjourney")
    assert refused.value.metadata["accepted"] == "studio-sketch, gpt-image-2.5-flare"


def test_a_model_without_its_provider_is_unavailable_and_not_unknown() -> None:
    with pytest.raises(ModelUnavailable):
        check(KEYLESS, model="gpt-image-2.5-flare")


@given(
    prompt=st.text(max_size=300),
    number=st.integers(-5, 20),
    ratio=st.sampled_from(["", "1:1", "16:9", "0:0", ":", "a:b"]) | st.text(max_size=8),
    size=st.sampled_from(["", "512x512", "x", "9x", "１x１"]) | st.text(max_size=12),
    seed=st.none() | st.integers(),
)
def test_anything_is_either_resolved_or_refused(
    prompt: str, number: int, ratio: str, size: str, seed: int | None
) -> None:
    try:
        resolved = check(prompt=prompt, number_of_images=number, aspect_ratio=ratio, size=size, seed=seed)
    except PixelError:
        return
    assert image_of(resolved).prompt
    assert route(resolved.work, EVERY, lambda: 1).work == resolved.work


def test_equal_requests_have_equal_fingerprints_and_others_do_not() -> None:
    assert FOX.fingerprint() == ImageWork("a fox").fingerprint()
    assert FOX.fingerprint() != replace(FOX, seed=1).fingerprint()
    assert FOX.fingerprint() != replace(FOX, parameters={"a": 1}).fingerprint()
