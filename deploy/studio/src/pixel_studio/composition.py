"""The four services with the settings of one machine. Importing this module imports all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pixel_gateway.main
import pixel_gateway.settings
import pixel_generation.main
import pixel_generation.settings
import pixel_media.main
import pixel_media.settings
import pixel_social.main
import pixel_social.settings
from pixel_embedded.data_dir import recall_port, recall_secret
from pixel_events import PostgresBus
from pixel_runtime.settings import Secret, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

    from pixel_runtime.service import Service

    from pixel_studio.databases import Databases

POOL_MAX_SIZE = 6
"""Connections of one service: one person and a few workers need no more, and each costs memory."""


@dataclass(frozen=True)
class Addresses:
    """Where each service listens."""

    http: str
    gateway: str
    generation: str
    media: str
    social: str

    @classmethod
    def choose(cls, data_dir: Path, *, http: str) -> Addresses:
        """Take the ports of the last start where they are free."""
        names = ("gateway", "generation", "media", "social")
        return cls(http, *(f"127.0.0.1:{recall_port(data_dir, f'{name}.port')}" for name in names))


async def ensure_topics(bus_url: str) -> None:
    """Make the topics of the catalogue that are missing."""
    bus = PostgresBus(bus_url)
    try:
        await bus.ensure_topics()
    finally:
        await bus.close()
