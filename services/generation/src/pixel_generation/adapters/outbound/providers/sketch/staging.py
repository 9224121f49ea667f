"""Places drawings in a scene: scaled, lit from the side of the sun, paled by distance."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from pixel_generation.adapters.outbound.providers.sketch.palette import Colour, mix
from pixel_generation.adapters.outbound.providers.sketch.subjects import DRAWINGS, Part

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas
    from pixel_generation.adapters.outbound.providers.sketch.scene import Scene


def draw_subject(
    canvas: Canvas,
    scene: Scene,
    name: str,
    *,
    x: float,
    foot: float,
    size: float,
    haze: float,
    copy: int = 0,
    rim: bool = False,
) -> None:
    """Put a drawing with its foot at (x, foot), `size` pixels tall, paled by `haze`; copies differ from each other.

    `rim` lights its outline from behind, so that it stays visible before dark land.
    """
    tones = _tones(scene, haze)
    lit_left = scene.sun_x * canvas.width < x
    parts = DRAWINGS[name](scene.rng(f"subject {name} {copy}"))
    if rim:
        _light_rim(canvas, scene, parts, x=x, foot=foot, size=size)
    # Parts of one tone that follow each other are one shape: no line between the leaves of a crown.
    for tone_name, group in itertools.groupby(parts, key=lambda part: part.tone):
        snapshots = [
            part.snapshot * np.array([size, -size], np.float32) + np.array([x, foot], np.float32) for part in group
        ]
        tone = tones[tone_name]
        ends = (tone * 1.12, tone * 0.72) if lit_left else (tone * 0.72, tone * 1.12)
        is_lamp = tone_name == "lamp"
        paint = tone if is_lamp else np.clip(np.stack(ends, axis=1), 0.0, 1.0).astype(np.float32)
        canvas.cover(snapshots, paint, canvas.new_shape(accent=tone_name in {"lamp", "accent"}))
        if is_lamp and scene.is_dark:
            for snapshot in snapshots:
                middle, reach = snapshot.mean(axis=0), float(np.ptp(snapshot[:, 1]))
                canvas.glow(float(middle[0]), float(middle[1]), reach * 1.6, tones["lamp"], 0.45)


def _light_rim(canvas: Canvas, scene: Scene, parts: list[Part], *, x: float, foot: float, size: float) -> None:
    """Paint the silhouette, a little toward the light, where the drawing will leave only its edge to be seen."""
    toward = -1.0 if scene.sun_x * canvas.width < x else 1.0
    width = max(1.0, size * 0.014)
    snapshots = [
        part.snapshot * np.array([size, -size], np.float32) + np.array([x, foot], np.float32) for part in parts
    ]
    shape = canvas.new_shape()
    # Faint on the far side, bright toward the light.
    for reach, part in ((-0.5, 0.4), (1.0, 0.8)):
        shift = np.array([toward * reach * width, -abs(reach) * width * 0.7], np.float32)
        tone = mix(scene.palette.haze, scene.palette.light, part)
        canvas.cover([snapshot + shift for snapshot in snapshots], tone, shape, 0.85)


def _tones(scene: Scene, haze: float) -> dict[str, Colour]:
    palette = scene.palette
    bright = 0.42 if scene.is_dark else 1.0
    pale = mix(palette.near, mix(palette.light, palette.haze, 0.15), 0.42 + 0.5 * bright)
    warm = mix(palette.near, palette.accent, 0.5 + 0.45 * bright)
    cool = mix(palette.near, palette.second, 0.45 + 0.45 * bright)
    lamp = mix(palette.light, palette.accent, 0.25 if scene.is_dark else 0.1)
    tones = {"dark": mix(palette.near, palette.far, 0.04), "mid": mix(palette.near, palette.far, 0.4)}
    tones |= {"pale": pale, "accent": warm, "second": cool}
    return {name: mix(tone, palette.haze, haze) for name, tone in tones.items()} | {"lamp": lamp}
