"""Periodic work of this service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_runtime import every
from pixel_telemetry import get_logger

from pixel_media.adapters.metrics import FOREIGN_OBJECTS, STORAGE_USAGE, SWEPT_ASSETS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from pixel_media.application import Application

log = get_logger(__name__)


def sweeping(app: Application, *, every_s: float) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return a loop body that removes objects of abandoned uploads."""

    async def turn() -> None:
        swept = await app.sweep_leftovers()
        if swept is None:
            return
        SWEPT_ASSETS.inc(swept.removed)
        FOREIGN_OBJECTS.set(swept.foreign)
        if swept.removed or swept.foreign:
            log.info("leftovers_swept", removed=swept.removed, foreign=swept.foreign)

    return every(every_s, turn)


def measuring(app: Application, *, every_s: float) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return a loop body that updates the gauge of stored bytes."""

    async def turn() -> None:
        for kind, size_bytes in (await app.usage()).items():
            STORAGE_USAGE[kind].set(size_bytes)

    return every(every_s, turn)
