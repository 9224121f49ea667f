"""What styles share: edges of shapes, brush displacement, paper, saturation, light that spills over."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pixel_generation.adapters.outbound.providers.sketch.canvas import ACCENT, Canvas
from pixel_generation.adapters.outbound.providers.sketch.noise import (
    Field,
    Random,
    fbm,
    grain,
    resize,
    softened,
    strips,
)

Planes: TypeAlias = npt.NDArray[np.float32]
"""Red, green and blue planes, shape (3, height, width)."""


def edges(canvas: Canvas, thickness: int = 1) -> Field:
    """1 on the borders between shapes, else 0; `thickness` in pixels each side."""
    shapes = canvas.shapes
    border = np.zeros(shapes.shape, np.bool_)
    for step in range(1, thickness + 1):
        across = shapes[:, step:] != shapes[:, :-step]
        down = shapes[step:] != shapes[:-step]
        border[:, :-step] |= across
        border[:-step] |= down
    return border.astype(np.float32)


def accents(canvas: Canvas) -> npt.NDArray[np.bool_]:
    """Where the picture keeps its colour in a monochrome style."""
    return canvas.shapes >= ACCENT


def displaced(planes: Planes, down: Field, across: Field) -> Planes:
    """Take every pixel from where the two fields point, in pixels away."""
    height, width = planes.shape[-2:]
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    out = np.empty_like(planes)
    sources = planes.reshape(len(planes), -1)
    for strip in strips(0, height):
        rows, columns = y[strip] + down[strip], x + across[strip]
        np.clip(rows, 0, height - 1, out=rows)
        np.clip(columns, 0, width - 1, out=columns)
        index = rows.astype(np.intp)
        index *= width
        index += columns.astype(np.intp)
        for source, moved in zip(sources, out, strict=True):
            # The index is in range: "clip" only spares the check.
            source.take(index, out=moved[strip], mode="clip")
    return out


def saturated(planes: Planes, amount: float) -> Planes:
    """Move colours away from (above 1) or toward (below 1) their grey, in place."""
    weights = (0.299 * (1.0 - amount), 0.587 * (1.0 - amount), 0.114 * (1.0 - amount))
    for strip in strips(0, planes.shape[1]):
        part = planes[:, strip]
        grey = part[0] * np.float32(weights[0])
        grey += part[1] * np.float32(weights[1])
        grey += part[2] * np.float32(weights[2])
        part *= np.float32(amount)
        part += grey
    return planes


def contrasted(planes: Planes, amount: float) -> Planes:
    """Blend with an S-curve, in place; values are cut to 0..1."""
    for strip in strips(0, planes.shape[1]):
        part = planes[:, strip]
        np.clip(part, 0.0, 1.0, out=part)
        # p + amount * (3 p² - 2 p³ - p), with p taken out.
        curve = part * np.float32(-2.0 * amount)
        curve += np.float32(3.0 * amount)
        curve *= part
        curve += np.float32(1.0 - amount)
        part *= curve
    return planes


def vignette(height: int, width: int, strength: float) -> Field:
    """Return a factor that darkens the corners."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] ** 2
    out = (y + x) * np.float32(0.5)
    out *= out
    out *= np.float32(-strength)
    out += np.float32(1.0)
    return out


def spilled(plane: Field, factor: int) -> Field:
    """Light that spreads `factor` times a pixel and beyond."""
    return softened(plane, factor)


def relief(height_map: Field, strength: float) -> Field:
    """Light from the upper left over a surface, about 0."""
    out = np.zeros_like(height_map)
    np.subtract(height_map[1:, 1:], height_map[:-1, :-1], out=out[1:, 1:])
    for rows in strips(0, len(out)):
        part = out[rows]
        part *= np.float32(strength)
        np.clip(part, -0.25, 0.25, out=part)
    return out


def paper(rng: Random, height: int, width: int) -> Field:
    """Return the tooth of paper, about 0, from -0.5 to 0.5."""
    tooth = grain(rng, height, width)
    tooth *= np.float32(0.45)
    tooth += resize(grain(rng, max(2, height // 3), max(2, width // 3)), height, width)
    return np.clip(tooth, -0.5, 0.5, out=tooth)


def painted_area(rng: Random, height: int, width: int, margin: float) -> Field:
    """1 inside, 0 on the bare border of the sheet, with a ragged edge; `margin` is a share of the shorter side."""
    short = min(height, width)
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    softness = np.float32(1 / (short * 0.012))
    from_side, from_end = np.minimum(x, width - 1 - x) * softness, np.minimum(y, height - 1 - y) * softness
    ragged = fbm(rng, max(8, height // 4), max(8, width // 4), cells=9, octaves=4, gain=0.6)
    ragged -= np.float32(0.1)
    ragged *= np.float32(short * margin * 1.6) * softness
    area = resize(ragged, height, width)
    for rows in strips(0, height):
        part = area[rows]
        np.subtract(np.minimum(from_side, from_end[rows]), part, out=part)
        np.clip(part, 0.0, 1.0, out=part)
    return area
