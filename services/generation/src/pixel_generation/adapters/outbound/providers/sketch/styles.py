"""Painted styles: what oil, water, chalk, ink and lens make of a composed scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixel_generation.adapters.outbound.providers.sketch.medium import (
    Planes,
    accents,
    contrasted,
    displaced,
    edges,
    painted_area,
    paper,
    relief,
    saturated,
    spilled,
    vignette,
)
from pixel_generation.adapters.outbound.providers.sketch.noise import Field, fbm, grain, resize, strips
from pixel_generation.adapters.outbound.providers.sketch.palette import colour

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas
    from pixel_generation.adapters.outbound.providers.sketch.scene import Scene


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
    light, falloff = relief(paint, 0.55), vignette(canvas.height, canvas.width, 0.16)
    for rows in strips(0, canvas.height):
        part = light[rows]
        part += (paint[rows] - np.float32(0.5)) * np.float32(0.16)
        part += np.float32(1.0)
        part *= falloff[rows]
        planes[:, rows] *= part
    return contrasted(saturated(planes, 1.12), 0.18)


def oil(canvas: Canvas, scene: Scene) -> Planes:
    """Thick paint: long strokes with ridges that catch the light."""
    planes, paint = _strokes(canvas, scene, cells=24, length=0.013, stretch=1.6)
    bristles = fbm(scene.rng("bristles"), canvas.height, canvas.width, cells=90, octaves=2, stretch=9.0)
    light, fine = relief(paint, 1.5), relief(bristles, 0.55)
    for rows in strips(0, canvas.height):
        part = light[rows]
        part += fine[rows]
        part += (bristles[rows] - np.float32(0.5)) * np.float32(0.16)
        part += np.float32(1.0)
        planes[:, rows] *= part
        planes[:, rows] += np.clip(part - np.float32(1.12), 0, 1) * np.float32(0.5)
    return contrasted(saturated(planes, 1.28), 0.4)


def watercolor(canvas: Canvas, scene: Scene) -> Planes:
    """Transparent washes that bleed at their edges and dry darker there, on white paper."""
    rng = scene.rng("watercolor")
    height, width = canvas.height, canvas.width
    bleed = fbm(rng, height, width, cells=11, octaves=5, gain=0.62)
    reach = np.float32(canvas.short * 0.034)
    bleed -= np.float32(0.5)
    bleed *= reach
    border = spilled(edges(canvas, 2), 4)
    planes, rim = displaced(canvas.rgb, bleed, bleed[::-1]), displaced(border[None], bleed, bleed[::-1])[0]
    pools = resize(fbm(rng, height // 4, width // 4, cells=3, octaves=4), height, width)
    tooth, area = paper(rng, height, width), painted_area(rng, height, width, 0.03)
    saturated(planes, 1.3)
    white = colour("fcf9f2")[:, None, None]
    for rows in strips(0, height):
        density = pools[rows] * np.float32(0.62)
        density += np.float32(0.55)
        density += rim[rows] * np.float32(0.34)
        density += tooth[rows] * np.float32(0.2)
        density *= area[rows]
        # Pigment absorbs: what a wash takes from white paper grows with its density.
        wash = np.float32(1.0) - planes[:, rows]
        np.clip(wash, 0.0, 0.94, out=wash)
        wash *= density
        wash -= tooth[rows] * np.float32(0.035)
        np.subtract(white, wash, out=planes[:, rows])
    return planes


def pastel(canvas: Canvas, scene: Scene) -> Planes:
    """Chalk on tinted, toothed paper."""
    rng = scene.rng("pastel")
    height, width = canvas.height, canvas.width
    scatter = grain(rng, height, width)
    scatter *= np.float32(canvas.short * 0.006)
    hatch = fbm(rng, height, width, cells=70, octaves=3, stretch=0.2, gain=0.7)
    drag = hatch - np.float32(0.5)
    drag *= np.float32(canvas.short * 0.016)
    drag += scatter
    scatter *= np.float32(0.6)
    planes = saturated(displaced(canvas.rgb, drag, scatter[::-1]), 1.1)
    tooth = paper(rng, height, width)
    sheet = colour("d8cbb8")[:, None, None]
    for rows in strips(0, height):
        cover = tooth[rows] * np.float32(0.45)
        cover += hatch[rows]
        cover *= np.float32(2.6)
        cover -= np.float32(0.2)
        np.clip(cover, 0.0, 1.0, out=cover)
        cover *= np.float32(0.55)
        cover += np.float32(0.43)
        chalk = planes[:, rows] * np.float32(0.8)
        chalk += np.float32(0.2) - sheet
        chalk *= cover
        np.add(chalk, sheet, out=planes[:, rows])
    return planes


def ink(canvas: Canvas, scene: Scene) -> Planes:
    """Brush and wash in black on rice paper; only the accents keep a colour."""
    rng = scene.rng("ink")
    height, width = canvas.height, canvas.width
    bleed = fbm(rng, height, width, cells=16, octaves=5, gain=0.62)
    shift = bleed - np.float32(0.5)
    shift *= np.float32(canvas.short * 0.02)
    tone = canvas.luminance()
    low, high = np.quantile(tone[::8, ::8], (0.04, 0.9))
    # The colours are used up: their planes hold what the brush carries.
    carried = canvas.rgb
    carried[1] = spilled(edges(canvas, max(1, canvas.short // 420)), 2)
    carried[2] = accents(canvas)
    np.subtract(np.float32(high), tone, out=carried[0])
    carried[0] /= np.float32(max(0.12, high - low))
    planes = displaced(carried, shift, shift[:, ::-1])
    tooth, area = paper(rng, height, width), painted_area(rng, height, width, 0.045)
    sheet, black, vermilion = (colour(text)[:, None, None] for text in ("f4eee0", "17181d", "c8321f"))
    for rows in strips(0, height):
        dark, line, kept = planes[:, rows]
        density = _wash(dark, bleed[rows]) + _dry_line(line, bleed[rows], tooth[rows])
        density *= np.float32(1.0) + tooth[rows] * np.float32(0.28)
        density *= area[rows]
        np.clip(density, 0.0, 0.96, out=density)
        wet = np.clip(density + kept * np.float32(0.62), 0.0, 0.96)
        painted = (vermilion - black) * kept
        painted += black - sheet
        painted *= wet
        painted += tooth[rows] * np.float32(0.03)
        np.add(painted, sheet, out=planes[:, rows])
    _seal(planes, canvas.short, scene)
    return planes


def _wash(dark: Field, bleed: Field) -> Field:
    """Return thinned ink that gathers in a few tones, softly parted."""
    dark = np.clip(dark, 0.0, 1.0)
    tone = dark * np.sqrt(dark) * np.float32(4.0)
    whole = np.floor(tone)
    tone -= whole
    tone = (whole + np.clip(tone * np.float32(2.2) - np.float32(0.6), 0.0, 1.0)) * np.float32(0.25)
    return np.asarray(tone * (np.float32(0.62) + bleed * np.float32(0.5)), np.float32)


def _dry_line(line: Field, bleed: Field, tooth: Field) -> Field:
    """Return ink from a brush that runs dry on the paper's tooth."""
    dry = np.clip((bleed + tooth * np.float32(0.5)) * np.float32(2.6) - np.float32(0.35), 0.0, 1.0)
    return np.asarray(line * dry * np.float32(0.75), np.float32)


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
    bright = canvas.luminance()
    bright -= np.float32(0.6)
    np.clip(bright, 0.0, 1.0, out=bright)
    glow = spilled(bright, 12)
    glow += spilled(bright, 48)
    contrasted(saturated(planes, 0.94), 0.5)
    falloff, film = vignette(height, width, 0.34), grain(scene.rng("film"), height, width)
    warmth = np.array([0.42, 0.37, 0.28], np.float32)[:, None, None]
    for rows in strips(0, height):
        part = planes[:, rows]
        part += glow[rows] * warmth
        part *= falloff[rows] + film[rows] * np.float32(0.11)
    return planes
