"""Random fields: the raw material of clouds, ridges, ripples, paper and brush marks."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

Field: TypeAlias = npt.NDArray[np.float32]
"""A plane of float32 numbers, usually height by width."""

Random: TypeAlias = np.random.Generator

_Taps: TypeAlias = tuple[tuple[npt.NDArray[np.intp], Field], ...]
"""For each neighbour that counts: where it lies and its weight, by output position."""

_STRIP = 32


def stream(*facts: object) -> Random:
    """Random numbers that depend on the arguments only: equal arguments, equal numbers, on every machine."""
    digest = hashlib.sha256("\x1f".join(map(str, facts)).encode("utf-8", "surrogatepass")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def strips(start: int, stop: int) -> Iterator[slice]:
    """Cut rows into strips so small that the steps of a calculation stay in the processor's cache."""
    for top in range(start, stop, _STRIP):
        yield slice(top, min(stop, top + _STRIP))


def resize(field: Field, height: int, width: int) -> Field:
    """Stretch a plane smoothly to another size."""
    if field.shape == (height, width):
        return field
    # Up to twice the size the cheap filter's corners do not show.
    taps = _linear if field.shape[0] * 2 >= height and field.shape[1] * 2 >= width else _cubic
    return _stretched(field, taps(field.shape[0], height), taps(field.shape[1], width))


def _stretched(field: Field, down: _Taps, across: _Taps) -> Field:
    height, width = len(down[0][0]), len(across[0][0])
    wide, out = np.empty((len(field), width), np.float32), np.empty((height, width), np.float32)
    buffer = np.empty((_STRIP, width), np.float32)
    for rows in strips(0, len(wide)):
        _weigh(((field[rows].take(place, axis=1), weight) for place, weight in across), wide[rows], buffer)
    for rows in strips(0, height):
        _weigh(((wide.take(place[rows], axis=0), weight[rows, None]) for place, weight in down), out[rows], buffer)
    return out


def _weigh(terms: Iterator[tuple[Field, Field]], out: Field, buffer: Field) -> None:
    """Write the weighted sum of the terms to `out`."""
    np.multiply(*next(terms), out=out)
    for values, weight in terms:
        out += np.multiply(values, weight, out=buffer[: len(out)])


def _places(length: int, wanted: int) -> tuple[npt.NDArray[np.intp], Field]:
    """Return the neighbour before each output position and how far beyond it the position lies."""
    centre = (np.arange(wanted) + 0.5) * (length / wanted) - 0.5
    before = np.floor(centre)
    return before.astype(np.intp), (centre - before).astype(np.float32)


def _neighbours(length: int, before: npt.NDArray[np.intp], weights: dict[int, Field]) -> _Taps:
    return tuple((np.clip(before + step, 0, length - 1), weight) for step, weight in weights.items())


@lru_cache(maxsize=256)
def _linear(length: int, wanted: int) -> _Taps:
    before, part = _places(length, wanted)
    return _neighbours(length, before, {0: 1 - part, 1: part})


@lru_cache(maxsize=256)
def _cubic(length: int, wanted: int) -> _Taps:
    """Return the taps of a Catmull-Rom spline."""
    before, t = _places(length, wanted)
    half = np.float32(0.5)
    weights = {
        -1: half * (2 * t**2 - t - t**3),
        0: half * (2 - 5 * t**2 + 3 * t**3),
        1: half * (t + 4 * t**2 - 3 * t**3),
        2: half * (t**3 - t**2),
    }
    return _neighbours(length, before, weights)


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
        grain += resize(field, rows, columns)
        field = grain
    return normalised(resize(field, height, width))


def normalised(field: Field) -> Field:
    """Scale to mean 0.5 and spread 0.2, cut to 0..1, in place."""
    coarse = field[::4, ::4]
    spread = max(float(coarse.std()), 1e-6)
    lift = np.float32(0.5 - float(coarse.mean()) * 0.2 / spread)
    for rows in strips(0, len(field)):
        part = field[rows]
        part *= np.float32(0.2 / spread)
        part += lift
        np.clip(part, 0.0, 1.0, out=part)
    return field


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
    out = specks * np.float32(1 / 255)
    out -= np.float32(0.5)
    return out


def softened(field: Field, factor: int) -> Field:
    """Blur by shrinking `factor` times and stretching again."""
    height, width = field.shape
    tall, wide = min(factor, height // 2), min(factor, width // 2)
    rows, columns = height // tall, width // wide
    sums = field[: rows * tall, : columns * wide].reshape(rows, tall, columns * wide).sum(axis=1)
    small = sums.reshape(rows, columns, wide).sum(axis=2)
    small *= np.float32(1.0 / (tall * wide))
    return _stretched(small, _cubic(rows, height), _cubic(columns, width))
