"""The canvas: planar colour in float32 and a map of the shape that each pixel belongs to."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pixel_generation.adapters.outbound.providers.sketch.noise import strips

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.providers.sketch.noise import Field
    from pixel_generation.adapters.outbound.providers.sketch.palette import Colour

Polygon: TypeAlias = npt.NDArray[np.float32]
"""Corners as an array of shape (n, 2), x and y in pixels."""

ACCENT = 200
"""Shape ids from here on are accents: sun, lamps, petals. Monochrome styles keep their colour."""

_FINER = 2


class Canvas:
    """`rgb` has shape (3, height, width); `shapes` holds ids, 0 for the sky."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.rgb = np.zeros((3, height, width), np.float32)
        self.shapes = np.zeros((height, width), np.uint8)
        self._last_shape = 0
        self._last_accent = ACCENT - 1

    @property
    def short(self) -> int:
        """Length of the shorter side in pixels."""
        return min(self.width, self.height)

    def new_shape(self, *, accent: bool = False) -> int:
        """Return a new id; when a range is used up its ids are reused."""
        if accent:
            self._last_accent = ACCENT + (self._last_accent - ACCENT + 1) % (256 - ACCENT)
            return self._last_accent
        self._last_shape = 1 + self._last_shape % (ACCENT - 2)
        return self._last_shape

    def lay(self, top: int, left: int, alpha: Field, colour: npt.NDArray[np.float32], shape: int | None) -> None:
        """Cover a rectangle with colour, as opaque as alpha says.

        `colour` broadcasts to (3, rows, columns); the id is written where alpha passes a half.
        """
        rows, columns = alpha.shape
        paint = np.broadcast_to(colour, (3, rows, columns))
        for strip in strips(0, rows):
            part = self.rgb[:, top + strip.start : top + strip.stop, left : left + columns]
            step = paint[:, strip] - part
            step *= alpha[strip]
            part += step
        if shape is not None:
            np.putmask(self.shapes[top : top + rows, left : left + columns], alpha > 0.5, shape)  # noqa: PLR2004

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Add light that falls off around a point; lengths in pixels."""
        top, bottom = max(0, int(y - radius * 3)), min(self.height, int(y + radius * 3) + 1)
        left, right = max(0, int(x - radius * 3)), min(self.width, int(x + radius * 3) + 1)
        if top >= bottom or left >= right:
            return
        across = np.exp(-(((np.arange(left, right, dtype=np.float32) - x) / radius) ** 2))
        down = np.exp(-(((np.arange(top, bottom, dtype=np.float32) - y) / radius) ** 2))
        alpha = (down[:, None] * np.float32(strength)) * across[None, :]
        self.lay(top, left, alpha, colour[:, None, None], None)

    def cover(
        self, polygons: list[Polygon], colour: npt.NDArray[np.float32], shape: int | None, opacity: float = 1.0
    ) -> None:
        """Fill polygons with smooth edges in one colour or, given (3, 2), a ramp from left to right."""
        corners = np.concatenate(polygons)
        left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
        right, bottom = min(int(right), self.width), min(int(bottom), self.height)
        if left >= right or top >= bottom:
            return
        size = ((right - left) * _FINER, (bottom - top) * _FINER)
        mask = Image.new("L", (int(size[0]), int(size[1])))
        draw = ImageDraw.Draw(mask)
        for polygon in polygons:
            draw.polygon(((polygon - (left, top)) * _FINER).ravel().tolist(), fill=255)
        alpha = np.asarray(mask.reduce(_FINER), np.float32) * np.float32(opacity / 255)
        if colour.ndim == 2:  # noqa: PLR2004
            part = np.linspace(0.0, 1.0, right - left, dtype=np.float32)
            paint = (colour[:, :1] * (1 - part) + colour[:, 1:] * part)[:, None, :]
        else:
            paint = colour[:, None, None]
        self.lay(int(top), int(left), alpha, paint, shape)

    def luminance(self) -> Field:
        """How bright each pixel looks, 0..1."""
        out = self.rgb[0] * np.float32(0.299)
        for rows in strips(0, self.height):
            out[rows] += self.rgb[1, rows] * np.float32(0.587)
            out[rows] += self.rgb[2, rows] * np.float32(0.114)
        return np.asarray(out, np.float32)


def disc(x: float, y: float, radius_x: float, radius_y: float | None = None, corners: int = 48) -> Polygon:
    """Return a circle or ellipse as a polygon."""
    radii = np.array([radius_x, radius_x if radius_y is None else radius_y], np.float32)
    return np.asarray(_circle(corners) * radii + np.array([x, y], np.float32), np.float32)


@cache
def _circle(corners: int) -> Polygon:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
