"""Subjects of a scene, drawn from polygons.

A drawing is a list of parts in a box of its own: x from -0.5 to 0.5, y from 0 at the foot to 1 at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pixel_generation.adapters.outbound.providers.sketch.canvas import Polygon, disc

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixel_generation.adapters.outbound.providers.sketch.noise import Random

Snapshot: TypeAlias = Polygon


@dataclass(frozen=True)
class Part:
    """One polygon and how it takes the light: dark, mid, pale, accent, second or lamp."""

    snapshot: Snapshot
    tone: str


def points(*numbers: float) -> Snapshot:
    return np.array(numbers, np.float32).reshape(-1, 2)


def box(left: float, bottom: float, right: float, top: float) -> Snapshot:
    return points(left, bottom, right, bottom, right, top, left, top)


def mirrored(half: Snapshot) -> Snapshot:
    """Return the right half of an outline, from foot to top, completed by its mirror image."""
    other = half[::-1] * np.array([-1, 1], np.float32)
    return np.concatenate([half, other])


def lighthouse(_rng: Random) -> list[Part]:
    def wall(y: float) -> float:
        return 0.085 - 0.035 * y

    parts = [
        Part(points(-0.3, 0.0, -0.12, 0.0, -0.12, 0.12, -0.21, 0.19, -0.3, 0.12), "mid"),
        Part(points(-0.32, 0.115, -0.1, 0.115, -0.21, 0.205), "accent"),
        Part(box(-0.23, 0.03, -0.19, 0.08), "lamp"),
        Part(points(-wall(0), 0, wall(0), 0, wall(0.76), 0.76, -wall(0.76), 0.76), "pale"),
    ]
    for low in (0.1, 0.34, 0.58):
        high = low + 0.12
        stripe = points(-wall(low), low, wall(low), low, wall(high), high, -wall(high), high)
        parts.append(Part(stripe, "accent"))
    return [
        *parts,
        Part(box(-0.018, 0.0, 0.018, 0.06), "dark"),
        Part(box(-0.012, 0.27, 0.012, 0.31), "dark"),
        Part(box(-0.012, 0.51, 0.012, 0.55), "dark"),
        Part(box(-0.085, 0.755, 0.085, 0.775), "dark"),
        Part(box(-0.045, 0.775, 0.045, 0.87), "lamp"),
        Part(box(-0.006, 0.775, 0.006, 0.87), "dark"),
        Part(
            points(
                -0.06, 0.87, 0.06, 0.87, 0.035, 0.92, 0.006, 0.95, 0.006, 1.0, -0.006, 1.0, -0.006, 0.95, -0.035, 0.92
            ),
            "dark",
        ),
    ]


def house(_rng: Random) -> list[Part]:
    return [
        Part(box(0.18, 0.55, 0.27, 0.92), "dark"),
        Part(box(-0.4, 0.0, 0.4, 0.5), "pale"),
        Part(points(0.1, 0.0, 0.4, 0.0, 0.4, 0.5, 0.1, 0.5), "mid"),
        Part(points(-0.48, 0.46, 0.48, 0.46, 0.3, 0.86, -0.3, 0.86), "accent"),
        Part(points(0.02, 0.46, 0.48, 0.46, 0.25, 0.8), "second"),
        Part(box(-0.3, 0.16, -0.16, 0.34), "lamp"),
        Part(box(-0.06, 0.0, 0.06, 0.3), "dark"),
        Part(box(0.19, 0.16, 0.31, 0.34), "lamp"),
    ]


def castle(_rng: Random) -> list[Part]:
    def tower(x: float, half: float, top: float, roof: float) -> list[Part]:
        return [
            Part(box(x - half, 0.0, x + half, top), "mid"),
            Part(box(x - half * 1.25, top - 0.03, x + half * 1.25, top + 0.01), "dark"),
            Part(points(x - half * 1.35, top + 0.01, x + half * 1.35, top + 0.01, x, top + roof), "accent"),
            Part(box(x - half * 0.22, top - 0.13, x + half * 0.22, top - 0.07), "lamp"),
        ]

    battlements = [Part(box(-0.34 + 0.08 * i, 0.36, -0.3 + 0.08 * i, 0.4), "pale") for i in range(9)]
    return [
        *tower(0.12, 0.06, 0.74, 0.22),
        *tower(-0.08, 0.075, 0.62, 0.24),
        Part(box(-0.36, 0.0, 0.38, 0.37), "pale"),
        *battlements,
        *tower(-0.36, 0.07, 0.5, 0.2),
        *tower(0.38, 0.07, 0.54, 0.2),
        Part(np.concatenate([box(-0.07, 0.0, 0.07, 0.15)[:2], disc(0.0, 0.15, 0.07, corners=16)[:9]]), "dark"),
    ]


def temple(_rng: Random) -> list[Part]:
    parts = [Part(box(-0.34, 0.0, 0.34, 0.05), "mid")]
    for floor in range(4):
        y, half = 0.05 + 0.21 * floor, 0.24 - 0.045 * floor
        parts += [
            Part(box(-half, y, half, y + 0.14), "pale"),
            Part(box(-half * 0.3, y, half * 0.3, y + 0.11), "lamp" if floor < 2 else "dark"),  # noqa: PLR2004
            Part(box(-half, y, -half * 0.86, y + 0.14), "accent"),
            Part(box(half * 0.86, y, half, y + 0.14), "accent"),
            Part(
                mirrored(
                    points(half * 1.1, y + 0.125, half * 1.75, y + 0.15, half * 1.62, y + 0.165, half * 0.8, y + 0.215)
                ),
                "dark" if floor % 2 else "accent",
            ),
        ]
    return [*parts, Part(points(-0.012, 0.88, 0.012, 0.88, 0.004, 1.0, -0.004, 1.0), "dark")]


def tree(rng: Random) -> list[Part]:
    parts = [Part(mirrored(points(0.07, 0.0, 0.03, 0.12, 0.028, 0.45)), "dark")]
    parts += [Part(points(-0.015, 0.3, 0.015, 0.34, reach, 0.56, reach - 0.02, 0.54), "dark") for reach in (-0.2, 0.16)]
    for tone, spread, lift, size in (
        ("mid", 0.3, 0.0, 0.14),
        ("accent", 0.27, 0.03, 0.085),
        ("second", 0.22, 0.06, 0.05),
    ):
        for _ in range(22):
            angle, away = rng.uniform(0, 6.28), spread * np.sqrt(rng.random())
            crown = disc(
                away * np.cos(angle),
                0.66 + lift + away * 0.72 * np.sin(angle),
                size * rng.uniform(0.6, 1.0),
                corners=14,
            )
            crown += rng.uniform(-0.012, 0.012, crown.shape).astype(np.float32)
            parts.append(Part(crown, tone))
    return parts


def boat(_rng: Random) -> list[Part]:
    bulge = np.linspace(0, 1, 10, dtype=np.float32)
    main = np.stack([0.03 + 0.4 * np.sin(bulge * np.pi / 2) * (1 - bulge) ** 0.7, 0.17 + 0.83 * bulge], axis=1)
    return [
        Part(np.concatenate([points(0.02, 0.17), main.astype(np.float32), points(0.02, 1.0)]), "pale"),
        Part(points(-0.02, 0.2, -0.3, 0.2, -0.02, 0.88), "accent"),
        Part(box(-0.01, 0.12, 0.012, 1.0), "dark"),
        Part(points(-0.38, 0.14, 0.44, 0.14, 0.3, 0.0, -0.26, 0.0), "dark"),
        Part(points(-0.38, 0.14, 0.44, 0.14, 0.42, 0.115, -0.36, 0.115), "second"),
    ]


def bird(rng: Random) -> list[Part]:
    parts = []
    for _ in range(7):
        x, y, size = rng.uniform(-0.42, 0.42), rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.12)
        lift = rng.uniform(0.2, 0.7) * size
        wing = points(
            0, 0, 0.45 * size, lift, 1.0 * size, lift * 0.55, 1.5 * size, -0.1 * size, 0.95 * size, lift * 0.25,
            0.45 * size, lift * 0.55, 0, -0.3 * size,
        )  # fmt: skip
        parts.append(Part(mirrored(wing) + np.array([x, y], np.float32), "dark"))
    return parts


def flower(rng: Random) -> list[Part]:
    parts: list[Part] = []
    for index in range(7):
        x, height = -0.42 + 0.14 * index + rng.uniform(-0.04, 0.04), rng.uniform(0.45, 0.95)
        lean = rng.uniform(-0.06, 0.06)
        parts.append(
            Part(points(x - 0.008, 0, x + 0.008, 0, x + lean + 0.006, height, x + lean - 0.006, height), "mid")
        )
        leaf = points(x, 0.12, x + 0.09, 0.3, x + 0.11, 0.36, x + 0.04, 0.28)
        parts.append(Part(leaf, "mid"))
        size, petals = rng.uniform(0.055, 0.085), int(rng.choice([5, 6, 8]))
        tone = "accent" if rng.random() < 0.65 else "second"  # noqa: PLR2004
        for angle in np.linspace(0, 2 * np.pi, petals, endpoint=False) + rng.uniform(0, 1):
            petal = disc(size * 0.75, 0.0, size * 0.62, size * 1.6 / petals**0.9, corners=14)
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
            parts.append(Part(petal @ turn + np.array([x + lean, height], np.float32), tone))
        parts.append(Part(disc(x + lean, height, size * 0.36, corners=14), "lamp"))
    return parts


def cat(_rng: Random) -> list[Part]:
    body = points(
        -0.2, 0.0, -0.27, 0.14, -0.24, 0.34, -0.14, 0.52, -0.13, 0.6, -0.17, 0.7, -0.165, 0.8, -0.19, 0.97, -0.09, 0.88,
        0.03, 0.88, 0.12, 0.97, 0.105, 0.79, 0.1, 0.68, 0.06, 0.6, 0.08, 0.5, 0.15, 0.3, 0.17, 0.12, 0.2, 0.0,
    )  # fmt: skip
    sweep = np.linspace(0, 1, 14, dtype=np.float32)
    spine = np.stack([0.14 + 0.26 * np.sin(sweep * 2.4), 0.03 + 0.42 * sweep**1.6], axis=1)
    width = (0.035 * (1.1 - 0.75 * sweep))[:, None] * np.array([1.0, 0.25], np.float32)
    tail = np.concatenate([spine + width, (spine - width)[::-1]]).astype(np.float32)
    return [
        Part(tail, "dark"),
        Part(body, "dark"),
        Part(points(-0.165, 0.9, -0.13, 0.87, -0.175, 0.95), "accent"),
        Part(disc(-0.075, 0.755, 0.022, 0.017, corners=12), "lamp"),
        Part(disc(0.02, 0.755, 0.022, 0.017, corners=12), "lamp"),
        Part(disc(-0.075, 0.755, 0.006, 0.016, corners=8), "dark"),
        Part(disc(0.02, 0.755, 0.006, 0.016, corners=8), "dark"),
        Part(points(-0.04, 0.7, -0.016, 0.7, -0.028, 0.685), "accent"),
    ]


def person(_rng: Random) -> list[Part]:
    return [
        Part(points(-0.1, 0.0, -0.02, 0.0, 0.0, 0.4, 0.02, 0.0, 0.1, 0.0, 0.11, 0.46, -0.11, 0.46), "dark"),
        Part(points(-0.15, 0.28, 0.16, 0.24, 0.11, 0.7, 0.06, 0.8, -0.06, 0.8, -0.11, 0.7), "accent"),
        Part(points(0.06, 0.72, 0.11, 0.7, 0.2, 0.42, 0.16, 0.4), "dark"),
        Part(disc(0.0, 0.88, 0.075, 0.085, corners=20), "dark"),
        Part(points(0.04, 0.82, 0.08, 0.8, 0.26, 0.72, 0.3, 0.66, 0.22, 0.68, 0.05, 0.77), "second"),
        Part(points(0.195, 0.0, 0.21, 0.0, 0.19, 0.66, 0.178, 0.66), "dark"),
    ]


def balloon(_rng: Random) -> list[Part]:
    centre, wide, tall = 0.64, 0.33, 0.36
    angle = np.linspace(-np.pi * 0.36, np.pi * 0.5, 24)
    parts = []
    for index, share in enumerate((1.0, 0.68, 0.32)):
        half = np.stack([wide * share * np.cos(angle), centre + tall * np.sin(angle)], axis=1).astype(np.float32)
        foot = points(0.07 * share, 0.22)
        parts.append(Part(mirrored(np.concatenate([foot, half])), ("accent", "pale", "second")[index]))
    return [
        *parts,
        Part(points(-0.07, 0.22, -0.064, 0.22, -0.045, 0.1, -0.05, 0.1), "dark"),
        Part(points(0.07, 0.22, 0.064, 0.22, 0.045, 0.1, 0.05, 0.1), "dark"),
        Part(points(-0.06, 0.11, 0.06, 0.11, 0.048, 0.0, -0.048, 0.0), "dark"),
    ]


def windmill(rng: Random) -> list[Part]:
    parts = [
        Part(mirrored(points(0.15, 0.0, 0.095, 0.56)), "pale"),
        Part(mirrored(points(0.115, 0.54, 0.07, 0.64, 0.02, 0.69)), "accent"),
        Part(box(-0.03, 0.0, 0.03, 0.12), "dark"),
        Part(box(-0.02, 0.3, 0.02, 0.36), "lamp"),
    ]
    start = rng.uniform(0.15, 1.2)
    for quarter in range(4):
        angle = start + quarter * np.pi / 2
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
        centre = np.array([0.0, 0.6], np.float32)
        parts.append(Part(box(0.0, -0.008, 0.42, 0.008) @ turn + centre, "dark"))
        parts.append(Part(box(0.1, 0.008, 0.42, 0.085) @ turn + centre, "second"))
    return [*parts, Part(disc(0.0, 0.6, 0.022, corners=12), "dark")]


def rocket(_rng: Random) -> list[Part]:
    return [
        Part(mirrored(points(0.0, 0.0, 0.03, 0.05, 0.085, 0.2, 0.06, 0.3)), "lamp"),
        Part(mirrored(points(0.07, 0.26, 0.22, 0.2, 0.19, 0.36, 0.1, 0.5)), "accent"),
        Part(mirrored(points(0.08, 0.28, 0.12, 0.42, 0.125, 0.62, 0.09, 0.8, 0.045, 0.93, 0.0, 1.0)), "pale"),
        Part(mirrored(points(0.088, 0.8, 0.045, 0.93, 0.0, 1.0)), "accent"),
        Part(disc(0.0, 0.64, 0.055, corners=20), "dark"),
        Part(disc(0.0, 0.64, 0.038, corners=20), "second"),
    ]


DRAWINGS: dict[str, Callable[[Random], list[Part]]] = {
    "lighthouse": lighthouse,
    "house": house,
    "castle": castle,
    "temple": temple,
    "tree": tree,
    "boat": boat,
    "bird": bird,
    "flower": flower,
    "cat": cat,
    "person": person,
    "balloon": balloon,
    "windmill": windmill,
    "rocket": rocket,
}
