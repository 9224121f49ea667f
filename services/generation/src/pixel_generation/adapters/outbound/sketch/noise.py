"""Random fields: the raw material of clouds, ridges, ripples, paper and brush marks."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Field: TypeAlias = npt.NDArray[np.float32]
"""A plane of float32 numbers, usually height by width."""

Random: TypeAlias = np.random.Generator


def stream(*facts: object) -> Random:
    """Random numbers that depend on the facts alone: equal facts, equal numbers, on every machine."""
    digest = hashlib.sha256("\x1f".join(map(str, facts)).encode("utf-8", "surrogatepass")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def resize(field: Field, height: int, width: int) -> Field:
    """Stretch a plane smoothly to another size."""
    if field.shape == (height, width):
        return field
    if field.shape[0] * 2 >= height and field.shape[1] * 2 >= width:
        return _doubled(field, height, width)
    return np.asarray(Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC))


def fbm(
    rng: Random, height: int, width: int, *, cells: float, octaves: int, stretch: float = 1.0, gain: float = 0.5
) -> Field:
    """Fractal noise of mean 0.5 and spread 0.2 in 0..1.

    `cells` is the number of lumps along the shorter side; `stretch` above 1 draws them out sideways. Each octave
    doubles the grid of the one before, so only the last one is paid at full size.
    """
    lump = min(height, width) / cells
    rows = max(2, round(height / lump * stretch**0.5))
    columns = max(2, round(width / lump / stretch**0.5))
    field: Field = rng.random((rows, columns), dtype=np.float32)
    amplitude = 1.0
    for _ in range(octaves - 1):
        if rows * 2 > height or columns * 2 > width:
            break
        rows, columns, amplitude = rows * 2, columns * 2, amplitude * gain
        grain = rng.random((rows, columns), dtype=np.float32)
        grain *= np.float32(amplitude)
        grain += _doubled(field, rows, columns)
        field = grain
    return normalised(resize(field, height, width))


def _doubled(field: Field, rows: int, columns: int) -> Field:
    """Stretch by two: the next octave hides the corners that the cheap filter leaves."""
    return np.asarray(Image.fromarray(field).resize((columns, rows), Image.Resampling.BILINEAR))


def normalised(field: Field) -> Field:
    """Scale to mean 0.5 and spread 0.2, cut to 0..1."""
    coarse = field[::4, ::4]
    spread = max(float(coarse.std()), 1e-6)
    out = field * np.float32(0.2 / spread)
    out += np.float32(0.5 - float(coarse.mean()) * 0.2 / spread)
    return np.clip(out, 0.0, 1.0, out=out)


def profile(rng: Random, width: int, *, cells: float, octaves: int, gain: float = 0.5) -> Field:
    """Fractal noise along a line, in -1..1 or so."""
    positions = np.linspace(0.0, 1.0, width, dtype=np.float32)
    out = np.zeros(width, np.float32)
    amplitude, total = 1.0, 0.0
    for _ in range(octaves):
        count = max(2, int(cells) + 2)
        knots = rng.uniform(-1.0, 1.0, count + 3).astype(np.float32)
        place = positions * np.float32(cells)
        left = np.minimum(place.astype(np.int32), count)
        part = place - left
        part = part * part * (3.0 - 2.0 * part)
        out += np.float32(amplitude) * (knots[left] * (1.0 - part) + knots[left + 1] * part)
        total += amplitude
        amplitude *= gain
        cells *= 2.03
    return (out / np.float32(total)).astype(np.float32)


def grain(rng: Random, height: int, width: int) -> Field:
    """Fine noise in -0.5..0.5, one value a pixel."""
    specks = np.frombuffer(rng.bytes(height * width), np.uint8).reshape(height, width)
    return specks * np.float32(1 / 255) - np.float32(0.5)


def softened(field: Field, factor: int) -> Field:
    """Blur by shrinking `factor` times and stretching again."""
    height, width = field.shape
    small = Image.fromarray(field).resize((max(2, width // factor), max(2, height // factor)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
