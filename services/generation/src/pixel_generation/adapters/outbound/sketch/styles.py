"""Painted styles: what oil, water, chalk, ink and lens make of a composed scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixel_generation.adapters.outbound.sketch.medium import (
    Planes,
    accents,
    contrasted,
    displaced,
    edges,
    over,
    painted_area,
    paper,
    relief,
    saturated,
    spilled,
    vignette,
)
from pixel_generation.adapters.outbound.sketch.noise import Field, fbm, grain, resize
from pixel_generation.adapters.outbound.sketch.palette import colour

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.sketch.canvas import Canvas
    from pixel_generation.adapters.outbound.sketch.scene import Scene


def _strokes(canvas: Canvas, scene: Scene, *, cells: float, length: float, stretch: float) -> tuple[Planes, Field]:
    """Break the picture into dabs of paint; return it and the thickness of the paint.

    Displacing by noise in steps gives patches of even shift with sharp borders, which the eye reads as strokes.
    """
    rng = scene.rng("strokes")
    height, width = canvas.height, canvas.width
    paint = fbm(rng, height, width, cells=cells, octaves=3, stretch=stretch, gain=0.6)
    steps = np.floor(paint * np.float32(11.0))
    steps -= np.float32(5.0)
    steps *= np.float32(length * canvas.short / 5.0)
    other = np.empty_like(steps)
    shift = height // 3
    other[shift:], other[:shift] = steps[:-shift], steps[-shift:]
    other *= np.float32(0.6)
    return displaced(canvas.rgb, other, steps), paint


def painterly(canvas: Canvas, scene: Scene) -> Planes:
    """Gouache with visible dabs: the painter's own hand."""
    planes, paint = _strokes(canvas, scene, cells=34, length=0.006, stretch=2.4)
    light = relief(paint, 0.55)
    light += (paint - np.float32(0.5)) * np.float32(0.16)
    light += np.float32(1.0)
    light *= vignette(canvas.height, canvas.width, 0.16)
    planes *= light
    return contrasted(saturated(planes, 1.12), 0.18)


def oil(canvas: Canvas, scene: Scene) -> Planes:
    """Thick paint: long strokes with ridges that catch the light."""
    planes, paint = _strokes(canvas, scene, cells=24, length=0.013, stretch=1.6)
    bristles = fbm(scene.rng("bristles"), canvas.height, canvas.width, cells=90, octaves=2, stretch=9.0)
    light = relief(paint, 1.5)
    light += relief(bristles, 0.55)
    light += (bristles - np.float32(0.5)) * np.float32(0.16)
    light += np.float32(1.0)
    planes *= light
    planes += np.clip(light - np.float32(1.12), 0, 1) * np.float32(0.5)
    return contrasted(saturated(planes, 1.28), 0.4)


def watercolor(canvas: Canvas, scene: Scene) -> Planes:
    """Transparent washes that bleed at their edges and dry darker there, on white paper."""
    rng = scene.rng("watercolor")
    height, width = canvas.height, canvas.width
    bleed = fbm(rng, height, width, cells=11, octaves=5, gain=0.62)
    reach = np.float32(canvas.short * 0.034)
    shift = (bleed - np.float32(0.5)) * reach
    border = spilled(edges(canvas, 2), 4)
    planes = displaced(canvas.rgb, shift, shift[::-1])
    rim = displaced(border[None], shift, shift[::-1])[0]
    pools = resize(fbm(rng, height // 4, width // 4, cells=3, octaves=4), height, width)
    density = np.float32(0.55) + pools * np.float32(0.62)
    tooth = paper(rng, height, width)
    density += rim * np.float32(0.34)
    density += tooth * np.float32(0.2)
    density *= painted_area(rng, height, width, 0.03)
    # Pigment absorbs: what a wash takes from white paper grows with its density.
    np.subtract(np.float32(1.0), saturated(planes, 1.3), out=planes)
    np.clip(planes, 0.0, 0.94, out=planes)
    planes *= density
    white = colour("fcf9f2")
    for plane, base in zip(planes, white, strict=True):
        np.subtract(base, plane, out=plane)
    planes += tooth * np.float32(0.035)
    return planes


def pastel(canvas: Canvas, scene: Scene) -> Planes:
    """Chalk on tinted, toothed paper."""
    rng = scene.rng("pastel")
    height, width = canvas.height, canvas.width
    scatter = grain(rng, height, width) * np.float32(canvas.short * 0.006)
    hatch = fbm(rng, height, width, cells=70, octaves=3, stretch=0.2, gain=0.7)
    drag = (hatch - np.float32(0.5)) * np.float32(canvas.short * 0.016)
    planes = displaced(canvas.rgb, scatter + drag, scatter[::-1] * np.float32(0.6))
    saturated(planes, 1.1)
    planes *= np.float32(0.8)
    planes += np.float32(0.2)
    tooth = paper(rng, height, width)
    cover = np.clip((hatch + tooth * np.float32(0.45)) * np.float32(2.6) - np.float32(0.2), 0.0, 1.0)
    cover *= np.float32(0.55)
    cover += np.float32(0.43)
    return over(colour("d8cbb8"), planes, cover)


def ink(canvas: Canvas, scene: Scene) -> Planes:
    """Brush and wash in black on rice paper; only the accents keep a colour."""
    rng = scene.rng("ink")
    height, width = canvas.height, canvas.width
    bleed = fbm(rng, height, width, cells=16, octaves=5, gain=0.62)
    shift = (bleed - np.float32(0.5)) * np.float32(canvas.short * 0.02)
    tone = canvas.luminance()
    low, high = np.quantile(tone[::8, ::8], (0.04, 0.9))
    dark = np.clip((np.float32(high) - tone) / np.float32(max(0.12, high - low)), 0.0, 1.0)
    line = edges(canvas, max(1, canvas.short // 420))
    stacked = displaced(np.stack([dark, spilled(line, 2)]), shift, shift[:, ::-1])
    # Washes gather in a few tones, softly parted.
    wash = stacked[0] * np.sqrt(stacked[0]) * np.float32(4.0)
    whole = np.floor(wash)
    wash -= whole
    wash = (whole + np.clip(wash * 2.2 - 0.6, 0, 1)) * np.float32(0.25)
    tooth = paper(rng, height, width)
    density = wash * (np.float32(0.62) + bleed * np.float32(0.5))
    dry = np.clip((bleed + tooth * 0.5) * 2.6 - 0.35, 0, 1)
    density += stacked[1] * dry * np.float32(0.75)
    density *= np.float32(1.0) + tooth * np.float32(0.28)
    density *= painted_area(rng, height, width, 0.045)
    np.clip(density, 0.0, 0.96, out=density)
    sheet, black = colour("f4eee0"), colour("17181d")
    kept = displaced(accents(canvas).astype(np.float32)[None], shift, shift[:, ::-1])[0]
    vermilion = colour("c8321f")
    wet = np.clip(density + kept * np.float32(0.62), 0.0, 0.96)
    planes = np.empty_like(canvas.rgb)
    for plane, base, dye, red in zip(planes, sheet, black, vermilion, strict=True):
        pigment = dye + (red - dye) * kept
        np.multiply(pigment - base, wet, out=plane)
        np.add(plane, base, out=plane)
    planes += tooth * np.float32(0.03)
    _seal(planes, canvas.short, scene)
    return planes


def _seal(planes: Planes, short: int, scene: Scene) -> None:
    """Set the painter's stamp in the corner away from the subject."""
    size = max(12, short // 20)
    rng = scene.rng("seal")
    marks = np.kron((rng.random((5, 3)) < 0.6).astype(np.float32), np.ones((size // 7, size // 6), np.float32))  # noqa: PLR2004
    stamp = np.full((size, size), 0.88, np.float32)
    top, left = (size - marks.shape[0]) // 2, (size - marks.shape[1]) // 2
    stamp[top : top + marks.shape[0], left : left + marks.shape[1]] *= 1.0 - marks * 0.85
    stamp *= np.clip(1.0 + grain(rng, size, size) * 0.5, 0, 1)
    row = planes.shape[1] - int(size * 2.2)
    column = int(size * 1.4) if scene.open_side < 0 else planes.shape[2] - int(size * 2.4)
    for plane, red in zip(planes, colour("b3261a"), strict=True):
        part = plane[row : row + size, column : column + size]
        part += (red - part) * stamp


def photo(canvas: Canvas, scene: Scene) -> Planes:
    """Soft light, depth of tone, lens glow and film grain."""
    height, width = canvas.height, canvas.width
    planes = canvas.rgb
    bright = np.clip(canvas.luminance() - np.float32(0.6), 0.0, 1.0)
    glow = spilled(bright, 12) + spilled(bright, 48)
    contrasted(saturated(planes, 0.94), 0.5)
    for plane, warmth in zip(planes, (0.42, 0.37, 0.28), strict=True):
        np.add(plane, glow * np.float32(warmth), out=plane)
    falloff = vignette(height, width, 0.34)
    falloff += grain(scene.rng("film"), height, width) * np.float32(0.11)
    planes *= falloff
    return planes
