"""The four services configured for one machine. Importing this module imports all of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
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
from pixel_events import PostgresBus, retention_sweep
from pixel_runtime.service import Service
from pixel_runtime.settings import Secret, load_settings

from pixel_studio.reporting import say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

    from pixel_studio.databases import Databases

STOP_GRACE_S = 1.5
"""Ctrl-C ends within seconds: a run that takes longer is released and starts again at the next start."""

NO_METRICS = ""
"""All services share this process's metrics; the gateway serves them."""

POOL_MAX_SIZE = 6
"""Database connections of one service: enough for one person and a few workers; each costs memory."""


@dataclass(frozen=True)
class Addresses:
    """The address of each service and of the metrics of all of them."""

    http: str
    gateway: str
    generation: str
    media: str
    social: str
    metrics: str

    @classmethod
    def choose(cls, data_dir: Path, *, http: str) -> Addresses:
        """Reuse the ports of the last start where they are free."""
        names = ("gateway", "generation", "media", "social", "metrics")
        return cls(http, *(f"127.0.0.1:{recall_port(data_dir, f'{name}.port')}" for name in names))


async def build_services(
    stack: AsyncExitStack, environ: Mapping[str, str], addresses: Addresses, databases: Databases, data_dir: Path
) -> list[Service]:
    """Open the bus and the services in start order: a service comes before its callers.

    Every setting can be given by its environment variable; only what joins them into one studio is fixed here.
    Raises SettingsError.
    """
    bus_url = databases["bus"]
    media = replace(
        load_settings(pixel_media.settings.Settings, environ=environ),
        database_url=databases["media"],
        grpc_address=addresses.media,
        metrics_address=NO_METRICS,
        blobs_url=(data_dir / "objects").as_uri(),
        signing_key=Secret(recall_secret(data_dir / "secrets" / "signing-key")),
        pool_max_size=POOL_MAX_SIZE,
    )
    social = replace(
        load_settings(pixel_social.settings.Settings, environ=environ),
        database_url=databases["social"],
        grpc_address=addresses.social,
        metrics_address=NO_METRICS,
        bus_url=bus_url,
        kafka_brokers="",
        pool_max_size=POOL_MAX_SIZE,
    )
    generation = replace(
        load_settings(pixel_generation.settings.Settings, environ=environ),
        database_url=databases["generation"],
        grpc_address=addresses.generation,
        metrics_address=NO_METRICS,
        bus_url=bus_url,
        kafka_brokers="",
        media_address=addresses.media,
        pool_max_size=POOL_MAX_SIZE,
        stop_grace_s=STOP_GRACE_S,
    )
    gateway = gateway_settings(environ, addresses, databases)
    say(f"metrics: http://{gateway.metrics_address}/metrics")
    return [
        await stack.enter_async_context(build_bus(bus_url)),
        await stack.enter_async_context(pixel_media.main.build(media)),
        await stack.enter_async_context(pixel_social.main.build(social)),
        await stack.enter_async_context(pixel_generation.main.build(generation)),
        await stack.enter_async_context(pixel_gateway.main.build(gateway)),
    ]


def gateway_settings(
    environ: Mapping[str, str], addresses: Addresses, databases: Databases
) -> pixel_gateway.settings.Settings:
    """Return the gateway's settings: one person needs no shared cache and no limits of requests."""
    gateway = load_settings(pixel_gateway.settings.Settings, environ=environ)
    return replace(
        gateway,
        database_url=databases["gateway"],
        http_address=addresses.http,
        grpc_address=addresses.gateway,
        metrics_address=gateway.metrics_address or addresses.metrics,
        bus_url=databases["bus"],
        kafka_brokers="",
        redis_url="",
        generation_address=addresses.generation,
        media_address=addresses.media,
        social_address=addresses.social,
        pool_max_size=POOL_MAX_SIZE,
        creates_per_minute=0,
        reads_per_minute=0,
        status_reads_per_minute=0,
        critical_per_minute=0,
    )


@asynccontextmanager
async def build_bus(url: str) -> AsyncIterator[Service]:
    """Create the missing topics and return the parts that apply retention."""
    bus = PostgresBus(url)
    try:
        await bus.ensure_topics()
        yield Service("bus", parts=[retention_sweep(bus)])
    finally:
        await bus.close()
