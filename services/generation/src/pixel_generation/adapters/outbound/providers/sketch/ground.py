"""Layers of land in depth: ridges over one texture, painted where nearer ones leave them visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixel_generation.adapters.outbound.providers.sketch.noise import Field, fbm, strips
from pixel_generation.adapters.outbound.providers.sketch.palette import Colour, mix

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas
    from pixel_generation.adapters.outbound.providers.sketch.scene import Scene


@dataclass(frozen=True)
class Ridge:
    """One layer of land: pale toward the foot by `mist`, textured by `relief`, white down to `snow`."""

    tops: Field
    """Pixel rows by column."""
    colour: Colour
    mist: float
    relief: float = 0.2
    snow: float = 0.0
    """Depth of the snow below the crest, as a share of the height."""
    facets: bool = False


class Ground:
    """Collects ridges from far to near and paints what the nearer ones leave visible."""

    def __init__(self, canvas: Canvas, scene: Scene) -> None:
        self.canvas, self.scene = canvas, scene
        self.texture = fbm(scene.rng("texture"), canvas.height, canvas.width, cells=7, octaves=6, gain=0.62)
        self.nearest: Field = np.full(canvas.width, canvas.height * 0.9, np.float32)
        """Rows by column of the nearest crest, on which subjects stand."""
        self._turn = 0
        self._waiting: list[Ridge] = []

    def add(self, ridge: Ridge) -> None:
        """Put a ridge before all others; `paint` makes it visible."""
        self._waiting.append(ridge)
        self.nearest = np.clip(ridge.tops, 0, self.canvas.height - 1)

    def paint(self, bottom: int | None = None) -> None:
        """Paint the waiting ridges down to a row, or to the lower edge."""
        lowest = self.canvas.height if bottom is None else bottom
        cover = np.full(self.canvas.width, lowest, np.float32)
        bottoms = []
        for ridge in reversed(self._waiting):
            bottoms.append(min(lowest, int(cover.max()) + 2))
            np.minimum(cover, ridge.tops, out=cover)
        for ridge, end in zip(self._waiting, reversed(bottoms), strict=True):
            self._paint_ridge(ridge, end)
        self._waiting.clear()

    def _paint_ridge(self, ridge: Ridge, bottom: int) -> None:
        texture = self._next_texture()
        top, shape = max(0, int(ridge.tops.min()) - 1), self.canvas.new_shape()
        fade = np.clip(np.arange(max(0, bottom - top), dtype=np.float32) / (self.canvas.height * 0.3), 0, 1)[:, None]
        fade *= np.float32(ridge.mist)
        for rows in strips(top, bottom):
            self._paint_strip(ridge, rows, texture[rows], fade[rows.start - top : rows.stop - top], shape)

    def _paint_strip(self, ridge: Ridge, rows: slice, texture: Field, fade: Field, shape: int) -> None:
        palette = self.scene.palette
        depth = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - ridge.tops[None, :]
        shade = (texture - np.float32(0.5)) * np.float32(ridge.relief)
        if ridge.facets:
            shade += self._facets(ridge.tops, depth) * np.float32(ridge.relief)
        white = self._snow_cover(ridge, depth, texture, shade) if ridge.snow > 0 else None
        paint = np.empty((3, *depth.shape), np.float32)
        cap = mix(palette.light, palette.haze, 0.2)
        for plane, base, foot, pale in zip(paint, ridge.colour, palette.haze, cap, strict=True):
            np.multiply(shade, np.float32(0.35 + base), out=plane)
            np.add(plane, base + (foot - base) * fade, out=plane)
            if white is not None:
                np.add(plane, (pale - plane) * white, out=plane)
        depth += np.float32(0.5)
        self.canvas.lay(rows.start, 0, np.clip(depth, 0.0, 1.0, out=depth), paint, shape)

    def _snow_cover(self, ridge: Ridge, depth: Field, texture: Field, shade: Field) -> Field:
        line = np.float32(self.canvas.height * ridge.snow)
        white = (texture - np.float32(0.5)) * (line * np.float32(3.0))
        white += line - depth
        white /= line * np.float32(0.22)
        np.clip(white, 0.0, 1.0, out=white)
        white *= np.clip(np.float32(0.75) + shade * np.float32(2.2), 0.3, 1.0)
        return white

    def _next_texture(self) -> Field:
        """Return the shared texture, mirrored another way for each ridge."""
        self._turn += 1
        across = self.texture[:, ::-1] if self._turn & 1 else self.texture
        return across[::-1] if self._turn & 2 else across

    def _facets(self, tops: Field, depth: Field) -> Field:
        """Spurs that run down from the crest: lit where they face the light, dark where they turn away."""
        width = self.canvas.width
        step = max(3, width // 160)
        slope = np.zeros(width, np.float32)
        slope[step:-step] = (tops[2 * step :] - tops[: -2 * step]) / np.float32(2 * step)
        toward = 1.0 if self.scene.is_lit_from_left else -1.0
        facing = np.clip(slope * toward * 1.4, -0.8, 0.8)
        lean = (depth * np.float32(0.45 * toward)).astype(np.int32)
        column = np.clip(np.arange(width, dtype=np.int32)[None, :] + lean, 0, width - 1)
        reach = self.canvas.height * 0.16
        return np.asarray(facing.take(column) * np.exp(-np.clip(depth, 0, None) / np.float32(reach)), np.float32)
