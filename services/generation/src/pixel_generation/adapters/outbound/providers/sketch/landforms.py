"""Land and water: ridges in depth, tree lines, skylines, dunes, reflections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixel_generation.adapters.outbound.providers.sketch.ground import Ground, Ridge
from pixel_generation.adapters.outbound.providers.sketch.noise import Field, Random, fbm, profile, strips
from pixel_generation.adapters.outbound.providers.sketch.palette import mix

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas
    from pixel_generation.adapters.outbound.providers.sketch.scene import Scene


def jagged(rng: Random, width: int, cells: float) -> Field:
    """Return a mountain crest, about 0..1 high."""
    crest = 1.0 - np.abs(profile(rng, width, cells=cells, octaves=3, gain=0.45)) * 1.6
    return (crest * 0.75 + profile(rng, width, cells=cells * 5, octaves=5, gain=0.6) * 0.22).astype(np.float32)


def rolling(rng: Random, width: int, cells: float) -> Field:
    """Return a smooth hill line, about 0..1 high."""
    return (0.5 + 0.6 * profile(rng, width, cells=cells, octaves=2, gain=0.3)).astype(np.float32)


def pines(rng: Random, width: int, trees: int, share: float) -> Field:
    """Tree tops as heights, 0..1; `share` is the half width of a tree as a share of the width."""
    x = np.arange(width, dtype=np.float32)
    heights = np.zeros(width, np.float32)
    tiers = 7.0
    for place, size in zip(rng.uniform(0, width, trees), rng.uniform(0.45, 1.0, trees), strict=True):
        reach = max(3.0, share * width * size)
        left, right = max(0, int(place - reach)), min(width, int(place + reach) + 1)
        inward = 1.0 - np.abs(x[left:right] - np.float32(place)) / np.float32(reach)
        # Branches: each tier starts a little outside the one above it.
        tree = (inward + 0.55 * (np.ceil(inward * tiers) / tiers - inward)) * np.float32(size)
        np.maximum(heights[left:right], tree, out=heights[left:right])
    return heights


def leafy(rng: Random, width: int, trees: int, share: float) -> Field:
    """Round tree crowns as heights, 0..1."""
    x = np.arange(width, dtype=np.float32)
    heights = np.zeros(width, np.float32)
    for place, size in zip(rng.uniform(0, width, trees), rng.uniform(0.5, 1.0, trees), strict=True):
        reach = max(3.0, share * width * size)
        left, right = max(0, int(place - reach)), min(width, int(place + reach) + 1)
        crown = np.sqrt(np.clip(1.0 - ((x[left:right] - np.float32(place)) / np.float32(reach)) ** 2, 0, 1))
        np.maximum(heights[left:right], crown * np.float32(size), out=heights[left:right])
    return (heights * (0.9 + 0.14 * profile(rng, width, cells=width / 16, octaves=2))).astype(np.float32)


def skyline(rng: Random, width: int, towers: int, tall: float) -> Field:
    """Roofs as heights, 0..1."""
    heights = np.zeros(width, np.float32)
    for _ in range(towers):
        half = int(width * rng.uniform(0.012, 0.04))
        centre = int(rng.integers(width))
        height = rng.uniform(0.15, 0.6) if rng.random() > tall else rng.uniform(0.6, 1.0)
        _raise(heights, centre, half, height)
        if rng.random() < 0.4:  # noqa: PLR2004
            _raise(heights, centre, half // 2, height * 1.12)
        if height > 0.6 and rng.random() < 0.5:  # noqa: PLR2004
            _raise(heights, centre, max(1, width // 700), height * 1.3)
    return heights


def _raise(heights: Field, centre: int, half: int, height: float) -> None:
    part = heights[max(0, centre - half) : centre + half + 1]
    np.maximum(part, np.float32(height), out=part)


def dunes(rng: Random, width: int, cells: float) -> Field:
    """Sand with sharp crests, 0..1."""
    wave = profile(rng, width, cells=cells, octaves=2, gain=0.25)
    return (1.0 - np.abs(wave) * 1.4).astype(np.float32)


CRESTS: dict[str, Callable[[Random, int, float], Field]] = {
    "mountains": jagged,
    "hills": rolling,
    "desert": dunes,
    "sea": jagged,
}


def paint_range(ground: Ground, *, foot: float, height: float, layers: int, kind: str, nearest: float = 1.0) -> None:
    """Layers of ridges from far to near, between `foot - height` and below `foot` (shares of the height).

    `nearest` is how near the last one looks, from 0, lost in haze, to 1.
    """
    canvas, scene = ground.canvas, ground.scene
    for index in range(layers):
        part = index / max(1, layers - 1)
        crest = CRESTS[kind](scene.rng(f"{kind}{index}"), canvas.width, 2.0 + 1.3 * part + float(index % 2))
        level = foot - height * (0.55 - 0.62 * part)
        tops = (level - crest * height * (0.62 - 0.3 * part)) * canvas.height
        tone = nearest * part
        colour = mix(mix(scene.palette.haze, scene.palette.far, min(1.0, 0.35 + tone)), scene.palette.near, tone**1.25)
        is_capped = kind == "mountains" and (scene.is_snowy or part < 0.6)  # noqa: PLR2004
        ground.add(
            Ridge(
                tops.astype(np.float32),
                colour,
                mist=0.75 * (1.0 - part) + 0.1,
                relief=0.2 + 0.3 * part if kind != "desert" else 0.22,
                snow=0.045 * (1.0 - part) if is_capped else 0.0,
                facets=kind in {"mountains", "desert"},
            )
        )


def paint_trees(ground: Ground, *, foot: float, layers: int, tallest: float) -> None:
    """Tree lines from far to near; shares of the picture's height."""
    canvas, scene = ground.canvas, ground.scene
    grow = leafy if scene.light in {"autumn", "spring"} else pines
    for index in range(layers):
        part = index / max(1, layers - 1)
        rng = scene.rng(f"trees{index}")
        trees = int((46 - 32 * part) * max(1.0, canvas.width / canvas.height))
        tall = tallest * (0.3 + 0.7 * part) * (1.0 if grow is pines else 0.45)
        share = tall * (0.17 if grow is pines else 0.5) * canvas.height / canvas.width
        base = foot - 0.05 + 0.24 * part + 0.03 * rolling(rng, canvas.width, 2.0)
        # A clearing opens toward the light so that near trees frame the picture.
        x = np.linspace(0, 1, canvas.width, dtype=np.float32)
        clearing = 1.0 - 0.75 * part * np.exp(-(((x - scene.sun_x) / 0.24) ** 2))
        tops = (base - grow(rng, canvas.width, trees, share) * tall * clearing) * canvas.height
        tone = 0.12 + 0.88 * part
        colour = mix(mix(scene.palette.haze, scene.palette.far, min(1.0, 0.3 + tone)), scene.palette.near, tone**1.4)
        if grow is leafy:
            warm = scene.palette.accent if index % 2 else scene.palette.second
            colour = mix(colour, warm, 0.5 * (1.0 - 0.4 * part))
        ground.add(Ridge(tops.astype(np.float32), colour, mist=0.8 * (1.0 - part), relief=0.14 + 0.22 * part))


def paint_city(ground: Ground, *, foot: float, bottom: int) -> None:
    """Skylines from far to near, with lit windows."""
    canvas, scene = ground.canvas, ground.scene
    for index in range(4):
        part = index / 3
        rng = scene.rng(f"city{index}")
        roofs = skyline(rng, canvas.width, 34 - 5 * index, 0.34 - 0.08 * index)
        height = 0.42 - 0.07 * index
        tops = ((foot + 0.025 * index) - roofs * height) * canvas.height
        colour = mix(mix(scene.palette.haze, scene.palette.far, 0.35 + 0.5 * part), scene.palette.near, 0.85 * part)
        ground.add(Ridge(tops.astype(np.float32), colour, mist=0.55 * (1.0 - part) + 0.08, relief=0.05))
        # Windows belong to their own row of houses: the next row stands before them.
        ground.paint(bottom)
        if index:
            _light_windows(canvas, scene, tops, part, rng, bottom=bottom)


def _light_windows(canvas: Canvas, scene: Scene, tops: Field, part: float, rng: Random, *, bottom: int) -> None:
    cell_x, cell_y = (
        max(3, int(canvas.short * (0.007 + 0.005 * part))),
        max(4, int(canvas.short * (0.011 + 0.007 * part))),
    )
    top = max(0, int(tops.min()))
    rows, columns = canvas.height - top, canvas.width
    if rows <= 0:
        return
    cells = (rows // cell_y + 1, columns // cell_x + 1)
    share = 0.42 if scene.is_dark else 0.14
    lamps = (rng.random(cells) < share).astype(np.float32) * rng.uniform(0.35, 1.0, cells).astype(np.float32)
    lamps *= np.float32(0.95 if scene.is_dark else 0.5)
    x = np.arange(columns)
    pane = (x % cell_x > cell_x * 0.2) & (x % cell_x < cell_x * 0.75)
    lit = lamps.take(x // cell_x, axis=1) * pane
    eaves = tops + np.float32(cell_y * 0.6)
    colour = mix(scene.palette.accent, scene.palette.light, 0.45)[:, None, None]
    # Between the panes of one storey and the next there is nothing to paint.
    for storey, row in enumerate(lit):
        y = np.arange(int(cell_y * 0.25) + 1, int(np.ceil(cell_y * 0.8))) + (top + storey * cell_y)
        y = y[y < bottom]
        if len(y):
            canvas.lay(int(y[0]), 0, row * (y[:, None] > eaves), colour, None)


def paint_water(canvas: Canvas, scene: Scene, line: int) -> None:
    """Everything below the row is water: it mirrors what stands above, broken by ripples."""
    rows = canvas.height - line
    if rows < 4:  # noqa: PLR2004
        return
    palette = scene.palette
    down = np.arange(rows, dtype=np.float32)
    near: Field = (down / np.float32(rows))[:, None]
    texture = fbm(scene.rng("ripples"), 256, canvas.width, cells=5, octaves=5, stretch=5.0, gain=0.6)
    # Ripples grow toward the viewer: rows of the texture are passed ever more slowly.
    lookup = (np.log1p(down * (9.0 / rows)) * (255 / np.log(10.0))).astype(np.int32)
    mirror = np.clip(line - 1 - down * np.float32(0.92) - 1, 0, canvas.height - 1)[:, None]
    rough = 2.2 if scene.light == "storm" else 1.0
    x = np.arange(canvas.width, dtype=np.float32)
    depth = mix(palette.near, palette.zenith, 0.55)
    for part in strips(0, rows):
        step = texture[lookup[part]] - np.float32(0.5)
        source_y = mirror[part] + step * (near[part] * np.float32(canvas.height * 0.14 * rough))
        index = np.clip(source_y, 0, line - 1).astype(np.intp)
        index *= canvas.width
        source_x = x + step * (near[part] + np.float32(0.06)) * np.float32(canvas.width * 0.05)
        index += np.clip(source_x, 0, canvas.width - 1).astype(np.intp)
        veil = np.clip(np.float32(0.22) + np.float32(0.5) * near[part] + step * np.float32(0.7), 0.0, 0.9)
        for plane, deep in zip(canvas.rgb, depth, strict=True):
            mirrored = plane[:line].ravel().take(index)
            mirrored += (deep - mirrored) * veil
            plane[line + part.start : line + part.stop] = mirrored
        _glitter(canvas, scene, line + part.start, step, near[part])
    canvas.shapes[line:] = canvas.new_shape()


def _glitter(canvas: Canvas, scene: Scene, row: int, step: Field, near: Field) -> None:
    """Let the crests of the ripples from a row on catch the light; `step` is their height about 0."""
    x = np.linspace(0, 1, canvas.width, dtype=np.float32)[None, :]
    crests = np.clip((step - np.float32(0.1)) * np.float32(5.0), 0.0, 1.0)
    alpha = crests * np.float32(0.16)
    if scene.shows_sun or scene.shows_moon:
        path = np.exp(-(((x - scene.sun_x) / (0.03 + 0.09 * near)) ** 2)) * (1.0 - 0.45 * near)
        alpha += np.clip((step + np.float32(0.06)) * np.float32(4.0), 0.0, 1.0) * path * np.float32(0.85)
    canvas.lay(
        row, 0, np.clip(alpha, 0.0, 0.95), mix(scene.palette.light, scene.palette.horizon, 0.25)[:, None, None], None
    )
