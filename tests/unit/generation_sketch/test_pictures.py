"""Images of the sketch model."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pixel_generation.adapters.outbound.providers.sketch.abstract import paint_abstract
from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas
from pixel_generation.adapters.outbound.providers.sketch.noise import resize
from pixel_generation.adapters.outbound.providers.sketch.painter import STYLES, encode_png, paint
from pixel_generation.adapters.outbound.providers.sketch.scene import ABSTRACTS, read_scene, style_of
from pixel_generation.adapters.outbound.providers.sketch.staging import draw_subject

SIDE = 128
PROMPTS = (
    "a lighthouse at dawn",
    "an old city at night in the rain",
    "forest in autumn",
    "snowy mountains under the aurora",
    "a cat and a red balloon in a meadow",
    "sailboat at sunset",
    "desert",
    "galaxy with a rocket",
    "pagoda and blossoms in fog",
    "the sound of a question",
)


def picture(prompt="a lighthouse at dawn", style="painterly", seed=1, width=SIDE, height=SIDE):
    return paint(prompt, style, seed, width, height)


def distance(a, b) -> float:
    """Mean difference of two pictures after a blur of 4 pixels, 0..255: grain does not count."""
    coarse = [image.reshape(SIDE // 4, 4, SIDE // 4, 4, 3).mean(axis=(1, 3), dtype=np.float64) for image in (a, b)]
    return float(np.abs(coarse[0] - coarse[1]).mean())


@pytest.mark.parametrize("style", STYLES)
def test_the_same_request_gives_the_same_bytes(style):
    first, second = (encode_png(picture(style=style), {"Software": "x"}) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("style", STYLES)
def test_another_seed_gives_another_image(style):
    pictures = [picture(style=style, seed=seed) for seed in range(4)]
    assert min(itertools.starmap(distance, itertools.combinations(pictures, 2))) > 3.0


def test_another_prompt_gives_another_image():
    pictures = [picture(prompt) for prompt in PROMPTS]
    assert min(itertools.starmap(distance, itertools.combinations(pictures, 2))) > 12.0


@pytest.mark.parametrize("prompt", ["a lighthouse at dawn", "mountains and a lake", "the sound of a question"])
def test_every_style_gives_a_different_image(prompt):
    pictures = [paint(prompt, style, 1, 256, 256)[:SIDE, :SIDE] for style in STYLES]
    differences = {
        (STYLES[a], STYLES[b]): float(np.abs(pictures[a].astype(int) - pictures[b]).mean())
        for a, b in itertools.combinations(range(len(STYLES)), 2)
    }
    assert min(differences.values()) > 4.0, min(differences.items(), key=lambda item: item[1])


@pytest.mark.parametrize(
    ("width", "height"),
    [(1024, 1024), (1536, 1024), (1024, 1536), (1344, 768), (768, 1344), (1152, 896), (896, 1152), (64, 64), (64, 700)],
)
def test_the_image_has_exactly_the_requested_size(width, height):
    decoded = Image.open(io.BytesIO(encode_png(picture(width=width, height=height), {})))
    assert decoded.size == (width, height)
    assert decoded.mode == "RGB"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_no_image_is_of_one_colour(prompt, style):
    image = picture(prompt, style)
    assert image.std() > 12.0
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 200


@pytest.mark.parametrize("kind", ABSTRACTS)
def test_every_abstract_composition_fills_the_canvas(kind):
    scene = next(scene for seed in itertools.count() if (scene := read_scene("hm", seed)).abstract == kind)
    canvas = Canvas(160, 96)
    paint_abstract(canvas, scene)
    assert canvas.rgb.std() > 0.03
    assert len(np.unique(canvas.shapes)) > 3


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    prompt=st.text(max_size=200),
    style=st.sampled_from(STYLES),
    seed=st.integers(0, 2**63 - 1),
    width=st.integers(64, 160),
    height=st.integers(64, 160),
)
def test_any_text_can_be_painted(prompt, style, seed, width, height):
    assert paint(prompt, style, seed, width, height).shape == (height, width, 3)


@pytest.mark.parametrize("name", ["cat", "person", "castle"])
def test_a_dark_subject_on_dark_land_gets_a_light_rim(name):
    scene = read_scene("a cat at night", 1)
    bright = []
    for rim in (False, True):
        canvas = Canvas(256, 256)
        canvas.rgb[:] = scene.palette.near[:, None, None]
        draw_subject(canvas, scene, name, x=128, foot=240, size=200, haze=0.04, rim=rim)
        bright.append(int((canvas.luminance() > 0.4).sum()))
    assert bright[1] > bright[0] + 300


@pytest.mark.parametrize(("height", "width"), [(300, 200), (64, 64), (65, 129)])
def test_a_stretched_field_keeps_its_values_and_its_slope(height, width):
    slope = np.linspace(0, 1, 40, dtype=np.float32)
    field = np.broadcast_to(slope, (30, 40))
    stretched = resize(field, height, width)
    assert stretched.shape == (height, width)
    middle = slice(width // 10, -width // 10)
    straight = ((np.arange(width) + 0.5) * (40 / width) - 0.5) / 39
    assert np.allclose(stretched[:, middle], straight[middle], atol=1e-4)


def test_a_prompt_of_many_thousand_words_is_read():
    assert read_scene("lighthouse " + "and more " * 20_000, 1).subjects == ("lighthouse",)


@pytest.mark.parametrize(
    ("prompt", "light", "land", "subject"),
    [
        ("A lighthouse at dawn", "dawn", "sea", "lighthouse"),
        ("Ein Leuchtturm bei Sonnenuntergang", "sunset", "sea", "lighthouse"),
        ("маяк ночью, ночь", "night", "sea", "lighthouse"),
        ("夜の灯台", "night", "sea", "lighthouse"),
        ("منارة في الليل", "night", "sea", "lighthouse"),
        ("un château dans la montagne sous la pluie", "storm", "mountains", "castle"),
        ("un gato en el bosque de otoño", "autumn", "forest", "cat"),
        ("🏰 🌫 🏔", "fog", "mountains", "castle"),
    ],
)
def test_words_of_many_languages_determine_the_scene(prompt, light, land, subject):
    scene = read_scene(prompt, 1)
    assert (scene.light, scene.land, scene.subjects) == (light, land, (subject,))


def test_unknown_words_give_an_abstract_image():
    assert read_scene("the sound of a question", 1).abstract in ABSTRACTS


def test_a_word_inside_another_word_is_not_read():
    assert read_scene("seatbelts catalogued houseless mooning", 1).abstract


@pytest.mark.parametrize(
    ("prompt", "style", "chosen"),
    [
        ("a boat", "", "painterly"),
        ("a boat", "INK", "ink"),
        ("a boat", "photorealistic", "photo"),
        ("a watercolor boat", "", "watercolor"),
        ("a watercolor boat", "oil", "oil"),
        ("水彩の船", "", "watercolor"),
        ("a boat", "no such style", "painterly"),
    ],
)
def test_the_style_is_the_requested_one_or_one_named_in_the_prompt(prompt, style, chosen):
    assert style_of(prompt, style, STYLES) == chosen
