"""Puts a scene on the canvas, from the sky to the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixel_generation.adapters.outbound.providers.sketch.abstract import paint_abstract
from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas, disc
from pixel_generation.adapters.outbound.providers.sketch.ground import Ground, Ridge
from pixel_generation.adapters.outbound.providers.sketch.landforms import (
    paint_city,
    paint_range,
    paint_trees,
    paint_water,
    rolling,
)
from pixel_generation.adapters.outbound.providers.sketch.noise import Field, profile
from pixel_generation.adapters.outbound.providers.sketch.palette import mix
from pixel_generation.adapters.outbound.providers.sketch.sky import paint_sky, paint_weather
from pixel_generation.adapters.outbound.providers.sketch.staging import draw_subject

if TYPE_CHECKING:
    from pixel_generation.adapters.outbound.providers.sketch.scene import Scene

_ALOFT = {"bird": (0.3, 0.3), "balloon": (0.34, 0.52), "rocket": (0.5, 0.72)}
"""Size and foot of flying subjects, as shares of the height."""

_SIZES = {
    "lighthouse": 0.52,
    "castle": 0.4,
    "temple": 0.46,
    "tree": 0.5,
    "windmill": 0.42,
    "house": 0.2,
    "cat": 0.34,
    "person": 0.26,
    "flower": 0.42,
    "boat": 0.26,
}
"""Height of standing subjects, as a share of the shorter side."""


def compose(scene: Scene, width: int, height: int) -> Canvas:
    """Paint the scene plainly; a style turns it into a drawing, a print or a photograph."""
    canvas = Canvas(width, height)
    if scene.abstract:
        paint_abstract(canvas, scene)
        return canvas
    line = int(scene.horizon * height)
    paint_sky(canvas, scene, height if scene.land == "space" else min(height, line + height // 5))
    if scene.land == "space":
        _planets(canvas, scene)
        _fly(canvas, scene)
        return canvas
    ground = Ground(canvas, scene)
    _land(canvas, scene, ground, line)
    _stand(canvas, scene, ground, line)
    _fly(canvas, scene)
    paint_weather(canvas, scene)
    return canvas


def _land(canvas: Canvas, scene: Scene, ground: Ground, line: int) -> None:
    foot = scene.horizon
    shore = min(line + canvas.height // 24, canvas.height - 4)
    bottom = shore if scene.has_water else canvas.height
    if scene.land == "city":
        paint_city(ground, foot=foot + (0.04 if scene.has_water else 0.2), bottom=bottom)
    elif scene.land == "forest":
        paint_range(ground, foot=foot - 0.05, height=0.2, layers=2, kind="hills", nearest=0.15)
        paint_trees(
            ground, foot=foot + (-0.02 if scene.has_water else 0.06), layers=3 if scene.has_water else 5, tallest=0.55
        )
    elif scene.land == "sea":
        if scene.rng("islands").random() < 0.6:  # noqa: PLR2004
            paint_range(ground, foot=foot + 0.02, height=0.1, layers=2, kind="sea")
    else:
        kind = scene.land if scene.land in {"mountains", "desert"} else "hills"
        tall = {"mountains": 0.42, "hills": 0.26, "desert": 0.24}[kind]
        layers = 4 if scene.has_water else 6
        paint_range(ground, foot=foot + (0.02 if scene.has_water else 0.1), height=tall, layers=layers, kind=kind)
    if scene.has_water:
        ground.paint(shore)
        paint_water(canvas, scene, shore)
    _foreground(canvas, scene, ground)
    ground.paint()
    if scene.land == "hills" and not scene.is_snowy:
        _meadow(canvas, scene, ground.nearest)
    if scene.land == "forest" and scene.light in {"autumn", "spring"}:
        _grove(canvas, scene, ground)


def _grove(canvas: Canvas, scene: Scene, ground: Ground) -> None:
    """Leafy trees left and right that leave the middle open."""
    rng = scene.rng("grove")
    for copy, share in enumerate((0.36, 0.8, 0.62, 0.2, 0.93, 0.05)):
        x = (share + float(rng.uniform(-0.05, 0.05))) * canvas.width
        near = 0.35 + 0.13 * copy
        foot = float(ground.nearest[int(np.clip(x, 0, canvas.width - 1))]) + canvas.height * (0.13 * near - 0.08)
        size = canvas.short * (0.3 + 0.45 * near) * float(rng.uniform(0.85, 1.15))
        draw_subject(canvas, scene, "tree", x=x, foot=foot, size=size, haze=0.42 * (1.0 - near), copy=copy)


def _foreground(canvas: Canvas, scene: Scene, ground: Ground) -> None:
    """Paint the bank, headland or meadow nearest to the viewer."""
    x = np.linspace(0, 1, canvas.width, dtype=np.float32)
    rng = scene.rng("foreground")
    if scene.has_water:
        bump = np.exp(-(((x - scene.focus) / 0.2) ** 4)) * (0.2 if "lighthouse" in scene.subjects else 0.1)
        bump += 0.05 * profile(rng, canvas.width, cells=9, octaves=4, gain=0.55) * (0.3 + bump * 6)
        side = -scene.open_side
        slope = np.clip((x - scene.focus) * side, -0.35, 0.4) * 0.22
        tops = 0.985 - bump - slope
    else:
        tops = 0.9 - 0.1 * (rolling(rng, canvas.width, 1.6) - 0.5) - 0.03 * np.cos((x - scene.focus) * 5)
        tops += 0.008 * profile(rng, canvas.width, cells=canvas.width / 14, octaves=2)
    near = mix(scene.palette.near, scene.palette.far, 0.1)
    if scene.is_snowy:
        near = mix(scene.palette.haze, scene.palette.far, 0.25)
    ground.add(Ridge((tops * canvas.height).astype(np.float32), near, mist=-0.25, relief=0.4))


def _meadow(canvas: Canvas, scene: Scene, tops: Field) -> None:
    """Dots of blossom, larger toward the viewer."""
    rng = scene.rng("meadow")
    for tone in (scene.palette.accent, scene.palette.second, scene.palette.light):
        x = rng.uniform(0, canvas.width - 1, 110)
        down = rng.random(110) ** 0.7
        y = tops[x.astype(int)] + down * (canvas.height - tops[x.astype(int)])
        size = canvas.short * (0.0022 + 0.006 * down)
        dots = [
            disc(float(a), float(b), float(c), float(c) * 0.75, corners=9) for a, b, c in zip(x, y, size, strict=True)
        ]
        canvas.cover(dots, mix(tone, scene.palette.near, 0.3), canvas.new_shape(accent=True), 0.9)


def _stand(canvas: Canvas, scene: Scene, ground: Ground, line: int) -> None:
    standing = [name for name in scene.subjects if name not in _ALOFT]
    side = scene.open_side
    for index, name in enumerate(standing):
        share = scene.focus + side * (0.0, 0.3, 0.5, -0.16)[index]
        x = min(0.94, max(0.06, share)) * canvas.width
        size = _SIZES[name] * canvas.short * scene.scale * (1.0 if index == 0 else 0.75)
        if name == "boat":
            draw_on_water(canvas, scene, x if index else canvas.width * (1.0 - scene.focus), line, size)
            continue
        at = int(min(canvas.width - 1, x))
        foot = float(ground.nearest[at]) + size * 0.02
        if scene.land == "city" and not scene.has_water:
            foot = canvas.height * 0.93
        if name == "lighthouse":
            _beam(canvas, scene, x, foot - size * 0.82, size)
        # A breath of haze behind keeps figures apart from the land.
        canvas.glow(x, foot - size * 0.55, size * 0.45, scene.palette.haze, 0.5)
        draw_subject(canvas, scene, name, x=x, foot=foot, size=size, haze=0.04, rim=scene.is_dark)


def draw_on_water(canvas: Canvas, scene: Scene, x: float, line: int, size: float) -> None:
    """Draw a boat and its broken mirror image; on land it lies on the shore."""
    foot = line + (canvas.height - line) * 0.34 if scene.has_water else canvas.height * 0.9
    top = int(max(0, foot - size))
    draw_subject(canvas, scene, "boat", x=x, foot=foot, size=size, haze=0.08)
    if not scene.has_water:
        return
    depth = int(min(size * 0.8, canvas.height - foot - 1, foot - top))
    left, right = int(max(0, x - size * 0.5)), int(min(canvas.width, x + size * 0.5))
    start = int(foot)
    rows = np.arange(depth)
    sway = (np.sin(rows * (60.0 / canvas.short)) * (2 + rows * 0.05)).astype(int)
    columns = np.clip(np.arange(left, right)[None, :] + sway[:, None], 0, canvas.width - 1)
    alpha = np.broadcast_to(np.linspace(0.5, 0.0, depth, dtype=np.float32)[:, None], (depth, right - left))
    if depth > 0 and right > left:
        mirrored = canvas.rgb[:, (start - 1 - rows)[:, None], columns]
        is_boat = (canvas.shapes[(start - 1 - rows)[:, None], columns] != canvas.shapes[start, left]).astype(np.float32)
        canvas.lay(start, left, alpha * is_boat, mirrored, None)


def _beam(canvas: Canvas, scene: Scene, x: float, y: float, size: float) -> None:
    """Shine the light of a lighthouse: two fading wedges and a glow."""
    strength = 0.62 if scene.is_dark else 0.34
    tilt = float(scene.rng("beam").uniform(-0.1, 0.1))
    reach = canvas.width * 0.75
    across = np.arange(canvas.width, dtype=np.float32)[None, :] - np.float32(x)
    top, bottom = int(max(0, y - size * 0.5)), int(min(canvas.height, y + size * 0.5))
    down = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
    away = np.abs(across)
    width = size * 0.015 + away * 0.11
    alpha = np.exp(-(((down - across * tilt) / width) ** 2) * 1.5) * np.exp(-away / (reach * 0.4))
    canvas.lay(top, 0, alpha * np.float32(strength), scene.palette.light[:, None, None], None)
    canvas.glow(x, y, size * 0.14, scene.palette.light, 0.8)


def _planets(canvas: Canvas, scene: Scene) -> None:
    rng = scene.rng("planets")
    places = [(scene.focus, scene.horizon * 0.75, 0.24 * scene.scale), (1 - scene.focus, 0.24, 0.06), (0.5, 0.82, 0.04)]
    tones = (scene.palette.accent, scene.palette.second, scene.palette.horizon)
    for (share_x, share_y, share), tone in zip(places, tones, strict=True):
        x, y, radius = share_x * canvas.width, share_y * canvas.height, share * canvas.short
        top, left = int(max(0, y - radius - 1)), int(max(0, x - radius - 1))
        rows = np.arange(top, min(canvas.height, y + radius + 1), dtype=np.float32)[:, None]
        columns = np.arange(left, min(canvas.width, x + radius + 1), dtype=np.float32)[None, :]
        dx, dy = (columns - x) / radius, (rows - y) / radius
        distance = np.sqrt(dx * dx + dy * dy)
        alpha = np.clip((1.0 - distance) * radius + 0.5, 0.0, 1.0)
        height = np.sqrt(np.clip(1.0 - distance * distance, 0.0, 1.0))
        lit = np.clip(
            0.12 + 0.95 * (dx * (0.7 if scene.sun_x > share_x else -0.7) - dy * 0.35 + height * 0.55), 0.04, 1.2
        )
        bands = 0.5 + 0.5 * np.sin(dy * rng.uniform(9, 22) + np.sin(dx * 3 + rng.uniform(0, 6)) * 0.5)
        other = mix(tone, scene.palette.light, 0.5)
        paint = np.stack([(a + (b - a) * bands) * lit for a, b in zip(tone, other, strict=True)])
        canvas.glow(x, y, radius * 1.12, mix(tone, scene.palette.light, 0.3), 0.3)
        canvas.lay(top, left, alpha, np.clip(paint, 0, 1), canvas.new_shape(accent=share > 0.1))  # noqa: PLR2004


def _fly(canvas: Canvas, scene: Scene) -> None:
    side = scene.open_side
    flying = [name for name in scene.subjects if name in _ALOFT]
    for index, name in enumerate(flying):
        size, foot = _ALOFT[name]
        x = scene.focus + side * (0.26 if name == "bird" else 0.02 + 0.3 * index)
        draw_subject(
            canvas,
            scene,
            name,
            x=x * canvas.width,
            foot=foot * canvas.height,
            size=size * canvas.short * scene.scale,
            haze=0.12,
        )
