"""From a prompt to a scene: the hour, the land, the subjects, and the composition."""

from __future__ import annotations

from dataclasses import dataclass

from pixel_generation.adapters.outbound.providers.sketch import lexicon
from pixel_generation.adapters.outbound.providers.sketch.noise import Random, stream
from pixel_generation.adapters.outbound.providers.sketch.palette import Palette, pick_palette

ABSTRACTS = ("flow", "discs", "glass", "waves", "marble")
_HOURS = ("dawn", "day", "sunset", "dusk", "night", "fog", "day", "sunset")
_WATERS = ("sea", "lake")
_GROUNDS = ("mountains", "hills", "forest", "desert", "city")
_AT_SEA = frozenset({"lighthouse", "boat"})
_LUMINARIES = frozenset({"sun", "moon", "stars"})
_MOST_SUBJECTS = 4


@dataclass(frozen=True)
class Scene:
    """The scene to paint; lengths are shares of the image's height or width."""

    key: str
    """Seed key of the random numbers of this image."""
    abstract: str
    """The abstract composition when the prompt has no known word, else empty."""
    light: str
    land: str
    has_water: bool
    subjects: tuple[str, ...]
    is_snowy: bool
    shows_moon: bool
    shows_sun: bool
    shows_stars: bool
    horizon: float
    focus: float
    """Position of the main subject, as a share of the width."""
    sun_x: float
    sun_y: float
    clouds: float
    scale: float
    palette: Palette

    @property
    def is_lit_from_left(self) -> bool:
        """Whether sun or moon is in the left half."""
        return self.sun_x < 0.5  # noqa: PLR2004

    @property
    def open_side(self) -> float:
        """1 when there is more space to the right of the main subject, else -1."""
        return 1.0 if self.focus < 0.5 else -1.0  # noqa: PLR2004

    @property
    def is_dark(self) -> bool:
        """Whether lamps are lit."""
        return self.light in {"night", "dusk", "storm", "aurora"}

    def rng(self, part: str) -> Random:
        """Return the random numbers for one part of the picture, independent of the others."""
        return stream(self.key, part)


def style_of(prompt: str, style: str, styles: tuple[str, ...]) -> str:
    """Return the requested style when it exists, else one that the style or prompt names, else the first."""
    asked = lexicon.folded(style)
    if asked in styles:
        return asked
    named = lexicon.concepts(f"{asked} {prompt}", lexicon.STYLE_WORDS)
    return named[0] if named else styles[0]


def read_scene(prompt: str, seed: int) -> Scene:
    """Read the prompt; everything else is decided by its hash and the seed."""
    key = f"{lexicon.folded(prompt)}\x1f{seed}"
    rng = stream(key, "scene")
    lights = lexicon.concepts(prompt, lexicon.LIGHT_WORDS)
    lands = lexicon.concepts(prompt, lexicon.LAND_WORDS)
    named = lexicon.concepts(prompt, lexicon.SUBJECT_WORDS)
    tints = lexicon.concepts(prompt, lexicon.TINT_WORDS)
    abstract = "" if (lights or lands or named) else ABSTRACTS[int(rng.integers(len(ABSTRACTS)))]
    light = _light(lights, named, lands, rng)
    land = _land(lands, named, rng)
    has_water = bool(set(lands) & set(_WATERS)) or (not set(lands) & set(_GROUNDS) and bool(_AT_SEA & set(named)))
    focus = float(rng.choice([rng.uniform(0.26, 0.38), rng.uniform(0.62, 0.74)]))
    is_low = light in {"dawn", "sunset", "dusk"}
    return Scene(
        key=key,
        abstract=abstract,
        light=light,
        land=land,
        has_water=has_water or land == "sea" or (land == "city" and _happens(rng, 0.6)),
        subjects=tuple(name for name in named if name not in _LUMINARIES)[:_MOST_SUBJECTS],
        is_snowy="winter" in lights,
        shows_moon="moon" in named or (light in {"night", "aurora"} and "sun" not in named and _happens(rng, 0.75)),
        shows_sun="sun" in named or is_low or (light in {"day", "autumn", "spring", "winter"} and _happens(rng, 0.6)),
        shows_stars="stars" in named or light in {"night", "aurora"},
        horizon=float(rng.uniform(0.54, 0.68)),
        focus=focus,
        sun_x=float((1.0 - focus) + rng.uniform(-0.12, 0.12)),
        sun_y=float(rng.uniform(0.36, 0.5) if is_low else rng.uniform(0.14, 0.3)),
        clouds=float(rng.uniform(0.75, 0.95) if light == "storm" else rng.uniform(0.15, 0.75)),
        scale=float(rng.uniform(0.85, 1.2)),
        palette=pick_palette(light, tints, "winter" if "winter" in lights else land, stream(key, "palette")),
    )


def _happens(rng: Random, chance: float) -> bool:
    return bool(rng.random() < chance)


def _light(lights: tuple[str, ...], named: tuple[str, ...], lands: tuple[str, ...], rng: Random) -> str:
    if "aurora" in lights:
        return "aurora"
    seasons = {"winter", "autumn", "spring"}
    hours = [light for light in lights if light not in seasons]
    if hours:
        return hours[0]
    if lights:
        return lights[0]
    if "stars" in named or "moon" in named or "space" in lands:
        return "night"
    return _HOURS[int(rng.integers(len(_HOURS)))]


def _land(lands: tuple[str, ...], named: tuple[str, ...], rng: Random) -> str:
    for name in ("space", "city", "desert", "forest", "mountains", "hills"):
        if name in lands:
            return name
    if "sea" in lands or (_AT_SEA & set(named) and "lake" not in lands):
        return "sea"
    if "lake" in lands:
        return str(rng.choice(["mountains", "forest"]))
    if "rocket" in named:
        return "space"
    if set(named) & {"cat", "flower", "windmill", "tree", "house"}:
        return "hills"
    return str(rng.choice(["mountains", "hills", "sea", "forest"]))
