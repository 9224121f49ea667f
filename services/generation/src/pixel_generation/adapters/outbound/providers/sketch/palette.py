"""Colours of a scene: what the light of the hour does to sky, land and water."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.providers.sketch.noise import Random

Colour: TypeAlias = npt.NDArray[np.float32]
"""Red, green and blue in 0..1."""


def colour(text: str) -> Colour:
    """Read `rrggbb`."""
    return np.array([int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)], np.float32)


def mix(a: Colour, b: Colour, part: float) -> Colour:
    """`part` of b in a."""
    return (a * np.float32(1.0 - part) + b * np.float32(part)).astype(np.float32)


def luminance(value: Colour) -> float:
    """How bright the eye finds a colour, 0..1."""
    return float(value @ np.array([0.299, 0.587, 0.114], np.float32))


@dataclass(frozen=True)
class Palette:
    """The nine colours everything in a scene is mixed from."""

    zenith: Colour
    middle: Colour
    horizon: Colour
    light: Colour
    haze: Colour
    far: Colour
    near: Colour
    accent: Colour
    second: Colour

    def turned(self, degrees: float) -> Palette:
        """Return the same palette with every hue turned by an angle."""
        turn = _hue_turn(degrees)
        return Palette(*(np.clip(turn @ getattr(self, part.name), 0.0, 1.0) for part in fields(self)))

    def tinted(self, tint: Colour, part: float) -> Palette:
        """Return the same palette in tinted light; the accent becomes the tint itself."""

        def toward(value: Colour, share: float) -> Colour:
            shade = tint * np.float32(0.25 + 0.9 * luminance(value))
            return mix(value, np.clip(shade, 0.0, 1.0).astype(np.float32), share)

        return Palette(
            zenith=toward(self.zenith, part),
            middle=toward(self.middle, part),
            horizon=toward(self.horizon, part * 0.8),
            light=toward(self.light, part * 0.3),
            haze=toward(self.haze, part),
            far=toward(self.far, part * 0.8),
            near=toward(self.near, part * 0.6),
            accent=tint,
            second=self.second,
        )

    def on_land(self, far: Colour, near: Colour, part: float) -> Palette:
        """Return the palette over land of these colours, dimmed as the hour dims it."""
        dim_far = far * np.float32(0.35 + 0.8 * luminance(self.haze))
        dim_near = near * np.float32(0.3 + 0.8 * luminance(self.haze))
        return Palette(
            **{part.name: getattr(self, part.name) for part in fields(self)}
            | {"far": mix(self.far, dim_far, part), "near": mix(self.near, dim_near, part)}
        )

    def ramp(self, steps: int) -> npt.NDArray[np.float32]:
        """Return `steps` colours from near over accent to light, as an array of shape (steps, 3)."""
        stops = np.stack([self.near, self.zenith, self.second, self.accent, self.horizon, self.light])
        place = np.linspace(0, len(stops) - 1, steps)
        return np.stack([np.interp(place, np.arange(len(stops)), stops[:, c]) for c in range(3)], axis=1).astype(
            np.float32
        )


def _hue_turn(degrees: float) -> npt.NDArray[np.float32]:
    angle = np.deg2rad(degrees)
    third, root = 1.0 / 3.0, np.sqrt(1.0 / 3.0)
    cos, sin = np.cos(angle), np.sin(angle)
    same, left, right = cos + third * (1 - cos), third * (1 - cos) - root * sin, third * (1 - cos) + root * sin
    return np.array([[same, left, right], [right, same, left], [left, right, same]], np.float32)


def _palette(text: str) -> Palette:
    return Palette(*(colour(part) for part in text.split()))


LIGHTS: dict[str, tuple[Palette, ...]] = {
    #         zenith middle horizon light  haze   far    near   accent second
    "dawn": (
        _palette("4f74a8 eab0a2 ffdfae fff2d0 f2c9b4 a794b2 33334f ff6f4a 6fb0b8"),
        _palette("6a6aa5 f2a7b0 ffe9c9 fff6de f6d4cc b59cba 3b3552 f25c54 8fc7c1"),
    ),
    "day": (
        _palette("2474c8 82bdec e4f1f1 fffbe6 cde2ee 7aa3b6 2c5439 f2a62a c8553d"),
        _palette("3d8fb8 9fd3dd f3f3df fffdf0 d6e8e4 86aea2 35543a e4572e f3a712"),
    ),
    "sunset": (
        _palette("2b2a5e cf5069 ffb04a ffe6a8 e8937a 87557a 23162c ff5330 ffc857"),
        _palette("3a3d73 e0737a ffc977 fff0c2 efa98c 93628a 2c1d38 e63946 f4a261"),
    ),
    "dusk": (
        _palette("1b2450 6a5a95 f2a27e ffdcb4 9b84a7 59527f 15172d ffb454 e07a8b"),
        _palette("14324f 3f6d8f f0b98d ffe8c8 7f98ab 46647d 101c29 ff8f5a f6d365"),
    ),
    "night": (
        _palette("060a20 131f49 34477a f6f2da 2c3d6d 1b2950 04060e ffce70 7f9cf5"),
        _palette("081420 0f2f45 2a5c70 eef6e6 244f63 163a4c 030a10 ffb86b 5ad1c8"),
    ),
    "storm": (
        _palette("222934 485361 8d979c eaf0f0 78848b 4b575f 141a20 d9b44a 6d8a96"),
        _palette("2c2a33 57525c a39a93 f5efe2 8b857f 5a555a 1a171b c9573c 7d8f86"),
    ),
    "fog": (
        _palette("a7b3ba c7cfd2 e4e7e3 ffffff d6dbda a2b0b4 3b494d d8613f 8aa39b"),
        _palette("b5b3a6 d3d0c3 ece8dc fffdf6 dedacd b1ad9f 4a473e b5482f 8f9b7d"),
    ),
    "winter": (
        _palette("6897c7 b9d2e6 f5f2ec fffdf1 dce7f0 a1bbd3 476080 d64545 7fa7c9"),
        _palette("7d8fb8 cdc9df fbe9df fff6ec e6dfe9 b0afcb 4d5078 c94f6d 9fb8d8"),
    ),
    "autumn": (
        _palette("769fc2 f0cf9a ffe8c0 fff3d8 eac795 c68244 55281b d9431a e0a030"),
        _palette("8a8f9c e6b98a f8dcae fff0cf dfb489 b8683a 46211b b5301b d98e2b"),
    ),
    "spring": (
        _palette("7fc1e6 cce7f0 fff0ec fffdf0 e6e6ee a5c49c 3b6841 f07fac f7c948"),
        _palette("9fc9d9 e3ecdf fff4e0 fffef5 ecebdd b5cc98 4a7038 e86a92 7cc6a4"),
    ),
    "aurora": (
        _palette("040a1e 0c2440 1d5560 e8fff2 1c4a5a 123443 03080f 5dffb0 b07cff"),
        _palette("0a0822 1d1a4a 2f4f70 f0f4ff 2a3f63 1c2a4c 05060f 7df0ff ff7ad9"),
    ),
}
"""Palettes by the hour or weather."""

TINTS: dict[str, Colour] = {
    "red": colour("d7263d"),
    "orange": colour("f46f1f"),
    "yellow": colour("f6c90e"),
    "green": colour("2f9e5b"),
    "blue": colour("2667d9"),
    "purple": colour("7b3fc4"),
    "pink": colour("f06ea9"),
    "gold": colour("d9a520"),
    "white": colour("eef1f4"),
    "black": colour("20222b"),
}
"""Colour words."""

LANDS: dict[str, tuple[Colour, Colour, float]] = {
    "forest": (colour("7fa58c"), colour("1f4a34"), 0.6),
    "hills": (colour("9dbb84"), colour("3f6b35"), 0.6),
    "desert": (colour("efc08a"), colour("a65a2a"), 0.75),
    "winter": (colour("dfe9f2"), colour("8fa9c4"), 0.7),
}
"""Far and near colour of the ground and how much it counts."""


def pick_palette(light: str, tints: tuple[str, ...], land: str, rng: Random) -> Palette:
    """Return the palette for an hour, tinted by colour words, over a kind of land; the numbers vary it a little."""
    variants = LIGHTS[light]
    palette = variants[int(rng.integers(len(variants)))].turned(float(rng.uniform(-14.0, 14.0)))
    ground = LANDS.get(land)
    if ground is not None and light != "autumn":
        palette = palette.on_land(*ground)
    for name in tints[:2]:
        palette = palette.tinted(TINTS[name], 0.5)
    return palette
