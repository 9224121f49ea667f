"""Compositions for prompts without known words: streams, discs, stained glass, waves, marble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas, Polygon, disc
from pixel_generation.adapters.outbound.providers.sketch.noise import Field, fbm, profile, resize
from pixel_generation.adapters.outbound.providers.sketch.palette import mix

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixel_generation.adapters.outbound.providers.sketch.scene import Scene


def paint_abstract(canvas: Canvas, scene: Scene) -> None:
    """Fill the canvas with the scene's abstract composition."""
    _COMPOSITIONS[scene.abstract](canvas, scene)


def _wash(canvas: Canvas, scene: Scene) -> None:
    """Paint a soft ground of the sky's colours."""
    field = fbm(scene.rng("wash"), max(8, canvas.height // 8), max(8, canvas.width // 8), cells=1.2, octaves=3)
    field = resize(field, canvas.height, canvas.width)
    down = np.linspace(0, 1, canvas.height, dtype=np.float32)[:, None]
    place = np.clip(field * 0.7 + down * 0.5 - 0.1, 0, 1)
    palette = scene.palette
    for plane, low, middle, high in zip(canvas.rgb, palette.zenith, palette.middle, palette.horizon, strict=True):
        plane[:] = low + (middle - low) * np.clip(place * 2, 0, 1) + (high - middle) * np.clip(place * 2 - 1, 0, 1)


def _paint_bands(canvas: Canvas, scene: Scene, field: Field, bands: int) -> None:
    """Colour a plane of 0..1 by steps of the palette, shaded within each step."""
    scaled = np.clip(field, 0.0, 0.9999) * np.float32(bands)
    index = scaled.astype(np.uint8)
    within = scaled - index
    ramp = scene.palette.ramp(bands)
    scene.rng("bands").shuffle(ramp)
    canvas.shapes[:] = index + 1
    for channel, plane in enumerate(canvas.rgb):
        np.multiply(ramp[:, channel].take(index), 0.78 + 0.3 * within, out=plane)
    np.clip(canvas.rgb, 0, 1, out=canvas.rgb)


def _marble(canvas: Canvas, scene: Scene) -> None:
    rng = scene.rng("marble")
    height, width = canvas.height // 2, canvas.width // 2
    warp = fbm(rng, height, width, cells=1.6, octaves=4)
    other = fbm(rng, height, width, cells=2.0, octaves=4)
    reach = min(height, width) * 0.9
    y = np.arange(height, dtype=np.float32)[:, None] + (warp - 0.5) * reach
    x = np.arange(width, dtype=np.float32)[None, :] + (other - 0.5) * reach
    angle, waves = rng.uniform(0, 3.14), rng.uniform(3, 5.5) / min(height, width)
    field = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * np.float32(waves * 6.28 / 2) + warp * 5)
    _paint_bands(canvas, scene, resize(field.astype(np.float32), canvas.height, canvas.width), 11)


def _waves(canvas: Canvas, scene: Scene) -> None:
    _wash(canvas, scene)
    rng = scene.rng("waves")
    layers = 11
    ramp = scene.palette.ramp(layers)[::-1]
    x = np.linspace(0, 1, canvas.width, dtype=np.float32)
    for index in range(layers):
        level = 0.12 + 0.08 * index
        swell = 0.05 * np.sin(x * 6.28 * rng.uniform(0.6, 1.8) + rng.uniform(0, 6.28))
        tops = (level + swell + 0.05 * profile(rng, canvas.width, cells=3, octaves=2)) * canvas.height
        top = max(0, int(tops.min()) - 1)
        depth = np.arange(top, canvas.height, dtype=np.float32)[:, None] - tops[None, :].astype(np.float32)
        shade = 1.12 - 0.4 * np.clip(depth / (canvas.height * 0.16), 0, 1)
        paint = np.stack([value * shade for value in ramp[index]])
        canvas.lay(top, 0, np.clip(depth + 0.5, 0, 1), np.clip(paint, 0, 1), canvas.new_shape(accent=index % 4 == 0))


def _discs(canvas: Canvas, scene: Scene) -> None:
    _wash(canvas, scene)
    rng = scene.rng("discs")
    ramp = scene.palette.ramp(9)
    for index in range(26):
        x, y = rng.uniform(0, 1, 2) * (canvas.width, canvas.height)
        radius = canvas.short * rng.uniform(0.03, 0.2) * (1.4 if index < 4 else 0.8)  # noqa: PLR2004
        tone = ramp[int(rng.integers(len(ramp)))]
        shape = canvas.new_shape(accent=index % 5 == 0)
        ends = np.stack([tone, mix(tone, scene.palette.light, 0.35)], axis=1)
        if rng.random() < 0.3:  # noqa: PLR2004
            ring = annulus(x, y, radius)
            canvas.cover([ring], ends, shape, 0.9)
        else:
            canvas.cover([disc(x, y, radius, corners=72)], ends, shape, float(rng.uniform(0.55, 0.9)))


def annulus(x: float, y: float, radius: float) -> Polygon:
    """Return a ring as one polygon: around outside, back inside."""
    outer, inner = disc(x, y, radius, corners=72), disc(x, y, radius * 0.86, corners=72)
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])


def _glass(canvas: Canvas, scene: Scene) -> None:
    rng = scene.rng("glass")
    count = 22
    sites = rng.uniform(0, 1, (count, 2)) * (canvas.height, canvas.width)
    ramp = scene.palette.ramp(count)
    rng.shuffle(ramp)
    y = np.arange(canvas.height, dtype=np.float32)[:, None]
    x = np.arange(canvas.width, dtype=np.float32)[None, :]
    nearest = np.full((canvas.height, canvas.width), np.inf, np.float32)
    second = nearest.copy()
    for index, (row, column) in enumerate(sites.astype(np.float32)):
        distance = (y - row) ** 2 + (x - column) ** 2
        np.minimum(second, np.maximum(nearest, distance), out=second)
        np.putmask(canvas.shapes, distance < nearest, index + 1)
        np.minimum(nearest, distance, out=nearest)
    gap = np.sqrt(second) - np.sqrt(nearest)
    lead = np.clip(gap / (canvas.short * 0.012), 0.0, 1.0)
    gleam = np.exp(-nearest / np.float32((canvas.short * 0.16) ** 2)) * np.float32(0.45) + np.float32(0.68)
    gleam *= lead
    for channel, plane in enumerate(canvas.rgb):
        colours = np.concatenate([[0.0], ramp[:, channel]]).astype(np.float32)
        np.multiply(colours.take(canvas.shapes), gleam, out=plane)
        np.add(plane, (1.0 - lead) * scene.palette.near[channel], out=plane)
    np.clip(canvas.rgb, 0, 1, out=canvas.rgb)


def _flow(canvas: Canvas, scene: Scene) -> None:
    """Lines that follow a smooth vector field."""
    _wash(canvas, scene)
    rng = scene.rng("flow")
    lines, steps = 420, 46
    angle = fbm(rng, 64, 64, cells=1.6, octaves=2) * np.float32(rng.uniform(7, 12))
    place = rng.uniform(-0.1, 1.1, (lines, 2)).astype(np.float32) * (canvas.height, canvas.width)
    track = np.empty((steps, lines, 2), np.float32)
    stride = canvas.short / 110
    for step in range(steps):
        track[step] = place
        cell = np.clip(place / (canvas.height, canvas.width) * 63, 0, 63).astype(int)
        heading = angle[cell[:, 0], cell[:, 1]]
        place = place + stride * np.stack([np.sin(heading), np.cos(heading)], axis=1)
    ramp = scene.palette.ramp(10)
    image = Image.fromarray((canvas.rgb.transpose(1, 2, 0) * 255).astype(np.uint8))
    ids = Image.new("L", image.size)
    draw, draw_ids = ImageDraw.Draw(image), ImageDraw.Draw(ids)
    for line in range(lines):
        path = track[: int(rng.integers(16, steps)), line, ::-1].ravel().tolist()
        tone = tuple(int(value * 255) for value in ramp[int(rng.integers(len(ramp)))])
        width = max(1, int(canvas.short * float(rng.choice([0.0025, 0.005, 0.009, 0.014]))))
        draw.line(path, fill=tone, width=width, joint="curve" if width > 6 else None)  # noqa: PLR2004
        draw_ids.line(path, fill=1 + line % 250, width=width)
    canvas.rgb[:] = np.asarray(image, np.float32).transpose(2, 0, 1) * np.float32(1 / 255)
    canvas.shapes[:] = np.asarray(ids)


_COMPOSITIONS: dict[str, Callable[[Canvas, Scene], None]] = {
    "flow": _flow,
    "discs": _discs,
    "glass": _glass,
    "waves": _waves,
    "marble": _marble,
}
