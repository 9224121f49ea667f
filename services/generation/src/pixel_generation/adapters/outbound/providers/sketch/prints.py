"""Drawn and printed styles, made of lines and flat tones: neon, blueprint, woodcut, anime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixel_generation.adapters.outbound.providers.sketch.medium import (
    Planes,
    contrasted,
    displaced,
    edges,
    paper,
    saturated,
    spilled,
    vignette,
)
from pixel_generation.adapters.outbound.providers.sketch.noise import fbm, grain
from pixel_generation.adapters.outbound.providers.sketch.palette import colour, mix

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas
    from pixel_generation.adapters.outbound.providers.sketch.scene import Scene

_TUBES = ("ff2fb9", "22e4ff", "8a5bff", "ffb02e", "39ffa0")
"""Colours of glowing tubes."""


def neon(canvas: Canvas, scene: Scene) -> Planes:
    """Glowing outlines over a dark, wet night."""
    rng = scene.rng("neon")
    line = edges(canvas, max(1, canvas.short // 700))
    tubes = np.stack([colour(text) for text in _TUBES])
    rng.shuffle(tubes)
    tone = canvas.luminance()
    lamps = np.clip(tone - np.float32(0.55), 0.0, 0.45)
    planes = np.empty_like(canvas.rgb)
    dusk = colour("0a0720")
    purple = mix(tubes[0], tubes[1], 0.5)
    for channel, plane in enumerate(planes):
        # Every shape keeps one tube colour.
        tube = tubes[:, channel].take(canvas.shapes % len(tubes)) * line
        np.multiply(canvas.rgb[channel], np.float32(0.3), out=plane)
        np.multiply(plane, np.float32(0.55) + np.float32(0.75) * purple[channel], out=plane)
        np.add(plane, dusk[channel], out=plane)
        np.add(plane, spilled(tube, 6) * np.float32(0.9), out=plane)
        np.add(plane, spilled(tube, 28) * np.float32(1.6), out=plane)
        np.add(plane, tube * np.float32(0.8), out=plane)
        np.add(plane, lamps * np.float32(0.5 + 0.8 * purple[channel]), out=plane)
    planes += line * np.float32(0.16)
    planes *= vignette(canvas.height, canvas.width, 0.3)
    return planes


def blueprint(canvas: Canvas, scene: Scene) -> Planes:
    """White lines on blue paper with a grid and hatched shade."""
    height, width, short = canvas.height, canvas.width, canvas.short
    rng = scene.rng("blueprint")
    unit = max(1, short // 640)
    line = edges(canvas, unit)
    tone = canvas.luminance()
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    cell = max(8, short // 32)
    grid = ((y % cell < unit) | (x % cell < unit)) * np.float32(0.1)
    grid += ((y % (cell * 4) < unit) | (x % (cell * 4) < unit)) * np.float32(0.12)
    pitch = max(5, short // 110)
    hatch = ((x + y) % pitch < unit) & (tone < np.float32(0.34))
    dense = ((x - y) % pitch < unit) & (tone < np.float32(0.16))
    chalk = np.maximum(line * np.float32(0.92), hatch * np.float32(0.26))
    np.maximum(chalk, dense * np.float32(0.26), out=chalk)
    np.maximum(chalk, grid, out=chalk)
    chalk += (tone - np.float32(0.5)) * np.float32(0.1)
    inset = short // 28
    frame = np.zeros((height, width), np.bool_)
    frame[inset:-inset, inset:-inset] = True
    inner = inset + unit * 2
    frame[inner:-inner, inner:-inner] = False
    np.putmask(chalk, frame, 0.9)
    chalk += paper(rng, height, width) * np.float32(0.05)
    np.clip(chalk, 0.0, 1.0, out=chalk)
    sheet, white = colour("174a8c"), colour("eaf4ff")
    return np.stack([base + (pale - base) * chalk for base, pale in zip(sheet, white, strict=True)])


def woodcut(canvas: Canvas, scene: Scene) -> Planes:
    """Print from blocks: flat colours under a key block of carved lines."""
    height, width, short = canvas.height, canvas.width, canvas.short
    rng = scene.rng("woodcut")
    bend = fbm(rng, height, width, cells=4, octaves=4)
    shake = (bend - np.float32(0.5)) * np.float32(short * 0.008)
    tone = canvas.luminance()
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    pitch = np.float32(6.2832 / max(4.0, short / 105))
    level = y + bend * np.float32(short * 0.11)
    steep = (x + y) * np.float32(0.7) + bend * np.float32(short * 0.11)
    # Neighbouring shapes are cut in different directions.
    carved = np.sin(np.where(canvas.shapes % 2 == 0, level, steep) * pitch)
    low, high = np.quantile(tone[::8, ::8], (0.03, 0.75))
    light = (tone - np.float32(low)) / np.float32(max(0.1, high - low))
    black = np.clip(
        (carved * np.float32(0.85) + np.float32(0.12) - light * np.float32(1.75) + np.float32(0.5)) * 6.0, 0.0, 1.0
    )
    np.maximum(black, displaced(edges(canvas, max(1, short // 512))[None], shake, shake[::-1])[0], out=black)
    # Few tones of each colour, printed pale so that the key block stands out.
    step = np.floor(tone * np.float32(4.0) + np.float32(0.6)) * np.float32(0.25) - tone
    flat = saturated(canvas.rgb, 1.35)
    flat += step
    flat *= np.float32(0.74)
    flat += np.float32(0.24)
    tooth = paper(rng, height, width)
    black *= np.float32(0.94) + tooth * np.float32(0.2)
    flat += tooth * np.float32(0.05)
    for plane, dye, warm in zip(flat, colour("1a1714"), (1.0, 0.965, 0.88), strict=True):
        np.multiply(plane, np.float32(warm), out=plane)
        np.add(plane, (dye - plane) * black, out=plane)
    return flat


def anime(canvas: Canvas, scene: Scene) -> Planes:
    """Clear bands of bright colour, thin outlines and a bloom of light."""
    planes = canvas.rgb
    tone = canvas.luminance()
    bands = tone * np.float32(7.0)
    whole = np.floor(bands)
    bands -= whole
    bands = (whole + np.clip(bands * 5.0 - 2.0, 0.0, 1.0)) * np.float32(1 / 7)
    bands -= tone
    planes += bands * np.float32(0.75)
    contrasted(saturated(planes, 1.42), 0.25)
    planes *= np.float32(0.93)
    planes += np.float32(0.07)
    snapshot = edges(canvas, max(1, canvas.short // 900))
    snapshot *= np.float32(0.55)
    dark = mix(scene.palette.near, colour("1b1430"), 0.6)
    for plane, value in zip(planes, dark, strict=True):
        np.add(plane, (value - plane) * snapshot, out=plane)
    bloom = spilled(np.clip(tone - np.float32(0.62), 0.0, 1.0), 24)
    planes += bloom * np.float32(0.4)
    planes += grain(scene.rng("dither"), canvas.height, canvas.width) * np.float32(0.008)
    return planes
