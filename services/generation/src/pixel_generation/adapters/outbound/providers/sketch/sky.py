"""Skies: gradients, clouds lit by the sun, rays, stars, aurora, and what falls from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas, disc
from pixel_generation.adapters.outbound.providers.sketch.noise import Field, fbm, resize
from pixel_generation.adapters.outbound.providers.sketch.palette import mix

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.providers.sketch.scene import Scene

_COARSE = 3
"""Skies are soft: they are painted this much smaller and stretched."""


def paint_sky(canvas: Canvas, scene: Scene, rows: int) -> None:
    """Fill the upper rows with sky."""
    height, width = max(8, rows // _COARSE), max(8, canvas.width // _COARSE)
    y = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    x = np.linspace(0.0, 1.0, width, dtype=np.float32)[None, :]
    stops = np.stack([scene.palette.zenith, scene.palette.middle, scene.palette.horizon])
    curve = y**0.9
    sky = np.stack([np.interp(curve, (0.0, 0.58, 1.0), stops[:, c]).astype(np.float32) for c in range(3)])
    sky = np.broadcast_to(sky, (3, height, width)).copy()
    sun_y = scene.sun_y * canvas.height / rows
    aspect = canvas.width / rows
    distance = np.sqrt(((x - scene.sun_x) * aspect) ** 2 + (y - sun_y) ** 2)
    if scene.shows_sun or scene.shows_moon:
        _add_halo(sky, scene, distance)
    if scene.light == "aurora":
        _add_aurora(sky, scene, x, y)
    if scene.land == "space":
        _add_nebula(sky, scene)
    else:
        _add_clouds(sky, scene, distance, y)
    for plane, coarse in zip(canvas.rgb, sky, strict=True):
        plane[:rows] = resize(np.ascontiguousarray(coarse), rows, canvas.width)
    if scene.shows_stars or scene.land == "space":
        _add_stars(canvas, scene, rows)
    _add_luminary(canvas, scene)


def _add_halo(sky: Field, scene: Scene, distance: Field) -> None:
    strength = 0.75 if scene.shows_sun and not scene.is_dark else 0.35
    halo = np.exp(-distance * 5.0) * strength + np.exp(-distance * 1.7) * strength * 0.35
    light = scene.palette.light
    for plane, value in zip(sky, light, strict=True):
        np.add(plane, (value - plane) * np.clip(halo, 0.0, 0.95), out=plane)


def _add_clouds(sky: Field, scene: Scene, distance: Field, y: Field) -> None:
    height, width = sky.shape[1:]
    rng = scene.rng("clouds")
    shape = fbm(rng, height, width, cells=2.2, octaves=6, stretch=3.2 if scene.light != "storm" else 1.8, gain=0.55)
    cover = 0.74 - 0.42 * scene.clouds
    density = np.clip((shape - cover) * 4.5, 0.0, 1.0)
    density *= np.clip(1.15 - 0.6 * y, 0.0, 1.0)
    # The side toward the light is where the cloud grows thinner toward it.
    rows = np.minimum(np.arange(height) + 4, height - 1)
    columns = np.clip(np.arange(width) + (-4 if scene.is_lit_from_left else 4), 0, width - 1)
    thinner = np.clip((shape - shape[rows][:, columns]) * 5.0 + 0.45, 0.0, 1.0)
    near = np.exp(-distance * 2.2)
    lit = np.clip(thinner * (0.55 + 0.7 * near), 0.0, 1.0)
    palette = scene.palette
    bright = mix(palette.horizon, palette.light, 0.65) if not scene.is_dark else mix(palette.haze, palette.light, 0.25)
    shade = mix(palette.zenith, palette.haze, 0.45)
    for index, plane in enumerate(sky):
        cloud = shade[index] + (bright[index] - shade[index]) * lit
        np.add(plane, (cloud - plane) * density * np.float32(0.88), out=plane)


def _add_aurora(sky: Field, scene: Scene, x: Field, y: Field) -> None:
    rng = scene.rng("aurora")
    height, width = sky.shape[1:]
    veil = fbm(rng, height, width, cells=3, octaves=4, stretch=0.12)
    for index, colour in enumerate((scene.palette.accent, scene.palette.second, scene.palette.accent)):
        phase, waves = rng.uniform(0, 6.28), rng.uniform(1.0, 2.4)
        fold = 0.3 + 0.14 * index + 0.12 * np.sin(x * 6.28 * waves + phase) + 0.05 * np.sin(x * 17 + phase * 2)
        above = fold - y
        curtain = np.exp(-np.clip(above, 0, None) * 5.5) * np.exp(-np.clip(-above, 0, None) * 40.0)
        curtain = (curtain * (0.25 + 0.9 * veil) * (0.8 - 0.2 * index)).astype(np.float32)
        for plane, value in zip(sky, colour, strict=True):
            np.add(plane, (1.0 - plane) * curtain * value, out=plane)


def _add_nebula(sky: Field, scene: Scene) -> None:
    rng = scene.rng("nebula")
    height, width = sky.shape[1:]
    dust = fbm(rng, height, width, cells=1.8, octaves=6, gain=0.6)
    gas = fbm(rng, height, width, cells=1.3, octaves=5, gain=0.55)
    sky *= np.float32(0.45)
    for colour, field, strength in (
        (scene.palette.second, gas, 0.9),
        (scene.palette.accent, np.clip(gas * dust * 2.2 - 0.25, 0, 1), 1.0),
        (scene.palette.light, np.clip(gas * dust * 2.6 - 0.85, 0, 1), 0.8),
    ):
        part = np.clip(field - 0.38, 0, 1) * np.float32(1.5 * strength)
        for plane, value in zip(sky, colour, strict=True):
            np.add(plane, (value - plane) * np.clip(part, 0, 0.9), out=plane)
    sky *= np.clip(1.25 - np.clip(dust - 0.5, 0, 1) * 1.8, 0.2, 1.0)


def _add_stars(canvas: Canvas, scene: Scene, rows: int) -> None:
    rng = scene.rng("stars")
    count = 900 if scene.land == "space" else 420
    x = rng.integers(1, canvas.width - 2, count)
    y = (rng.random(count) ** 1.3 * (rows - 3)).astype(np.int64) + 1
    bright = (rng.random(count) ** 2.5).astype(np.float32)
    for plane, value in zip(canvas.rgb, scene.palette.light, strict=True):
        plane[y, x] += (value - plane[y, x]) * (0.3 + 0.7 * bright)
        large = bright > 0.25  # noqa: PLR2004
        for dy, dx in ((0, 1), (1, 0), (1, 1)):
            plane[y[large] + dy, x[large] + dx] += (value - plane[y[large] + dy, x[large] + dx]) * bright[large]
    biggest = np.argsort(bright)[-9:]
    unit = canvas.short / 1024
    for at in biggest:
        canvas.glow(float(x[at]), float(y[at]), 9 * unit, scene.palette.light, 0.65)
        canvas.glow(float(x[at]), float(y[at]), 2.6 * unit, scene.palette.light, 1.0)


def _add_luminary(canvas: Canvas, scene: Scene) -> None:
    if not (scene.shows_sun or scene.shows_moon) or scene.light in {"storm", "fog"}:
        return
    x, y = scene.sun_x * canvas.width, scene.sun_y * canvas.height
    radius = canvas.short * (0.062 if scene.shows_sun else 0.055) * scene.scale
    shape = canvas.new_shape(accent=True)
    if scene.shows_sun and not scene.shows_moon:
        canvas.cover([disc(x, y, radius)], mix(scene.palette.light, scene.palette.accent, 0.12), shape)
        return
    canvas.cover([disc(x, y, radius)], scene.palette.light, shape)
    rng = scene.rng("moon")
    for _ in range(9):
        angle, away = rng.uniform(0, 6.28), radius * rng.uniform(0.1, 0.62)
        spot = disc(x + away * np.cos(angle), y + away * np.sin(angle), radius * rng.uniform(0.1, 0.26))
        canvas.cover([spot], mix(scene.palette.light, scene.palette.haze, 0.5), None, 0.16)


def paint_weather(canvas: Canvas, scene: Scene) -> None:
    """Snow, rain or mist in front of everything."""
    rng = scene.rng("weather")
    if scene.is_snowy:
        _snow(canvas, scene)
    elif scene.light == "storm":
        streaks = fbm(rng, canvas.height // 2, canvas.width // 2, cells=26, octaves=2, stretch=0.01)
        rows = np.arange(streaks.shape[0])
        slanted = streaks[rows[:, None], (np.arange(streaks.shape[1])[None, :] + rows[:, None] // 5) % streaks.shape[1]]
        alpha = resize(np.clip(slanted - 0.62, 0, 1) * np.float32(0.8), canvas.height, canvas.width)
        canvas.lay(0, 0, alpha, scene.palette.light[:, None, None], None)
    if scene.light == "fog":
        bank = resize(
            fbm(rng, canvas.height // 8, canvas.width // 8, cells=1.6, octaves=3, stretch=5),
            canvas.height,
            canvas.width,
        )
        canvas.lay(0, 0, np.clip(bank * 0.9 - 0.1, 0, 0.7), scene.palette.haze[:, None, None], None)


def _snow(canvas: Canvas, scene: Scene) -> None:
    rng = scene.rng("snow")
    unit = canvas.short / 1024
    white = mix(scene.palette.light, scene.palette.haze, 0.1)
    for count, radius, opacity in ((260, 1.8, 0.7), (110, 3.2, 0.75), (26, 6.5, 0.45)):
        flakes = [
            disc(float(x) * canvas.width, float(y) * canvas.height, max(1.0, radius * unit * float(size)), corners=8)
            for x, y, size in rng.uniform((0, 0, 0.6), (1, 1, 1.3), (count, 3))
        ]
        canvas.cover(flakes, white, None, opacity)
