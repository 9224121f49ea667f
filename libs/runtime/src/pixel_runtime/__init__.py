"""Settings, start and stop order, signals, readiness, clock and ids."""

from __future__ import annotations

from pixel_runtime.clock import Clock, SystemClock
from pixel_runtime.ids import format_id, new_id, parse_id
from pixel_runtime.loop import Loop, every, pause, unless
from pixel_runtime.secret import Secret
from pixel_runtime.service import Part, Service, run
from pixel_runtime.settings import SettingsError, describe, load_settings

__all__ = [
    "Clock",
    "Loop",
    "Part",
    "Secret",
    "Service",
    "SettingsError",
    "SystemClock",
    "describe",
    "every",
    "format_id",
    "load_settings",
    "new_id",
    "parse_id",
    "pause",
    "run",
    "unless",
]
