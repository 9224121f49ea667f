"""The composition root: the only module that knows every adapter."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel_blobs import DirectoryBlobs
from pixel_postgres import open_pool
from pixel_rpc import RpcServer
from pixel_runtime.clock import SystemClock
from pixel_runtime.service import Loop, Service
from pixel_telemetry import MetricsServer

from pixel_media.adapters.inbound.grpc.assets.servicer import SERVICES, AssetsServicer, register
from pixel_media.adapters.inbound.housekeeping import measuring, sweeping
from pixel_media.adapters.outbound.object_store import open_store
from pixel_media.adapters.outbound.postgres.assets import PostgresAssets
from pixel_media.adapters.outbound.postgres.leftovers import PostgresLeftovers
from pixel_media.adapters.outbound.sandboxed_renderer import SandboxedRenderer
from pixel_media.application import Application
from pixel_media.application.assets.get_assets import address, get_assets
from pixel_media.application.assets.store_asset import store_asset
from pixel_media.application.maintenance.sweep_leftovers import sweep_leftovers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_blobs import Blobs
    from pixel_postgres import Pool
    from pixel_runtime.service import Part

    from pixel_media.settings import Settings

ALL_ROLES = frozenset({"serve", "work", "relay"})
SCHEMA = "media"


@asynccontextmanager
async def build(settings: Settings, roles: frozenset[str] = ALL_ROLES) -> AsyncIterator[Service]:
    """Open what the roles need, wire it, and close it in reverse order. Role `work` has no work yet."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.database_url, schema=SCHEMA, application="pixel-media", max_size=settings.pool_max_size)
        )
        store = await stack.enter_async_context(open_store(settings))
        renderer = SandboxedRenderer(settings.sandboxes)
        app = wire(settings, pool, store, renderer)
        parts: list[Part] = []
        service = Service("media", parts=parts, checks={"postgres": pool.check})
        if settings.metrics_address:
            parts.append(MetricsServer(settings.metrics_address))
        if "relay" in roles:
            parts.append(Loop("media-sweep", sweeping(app, every_s=settings.sweep_every_s)))
            parts.append(Loop("media-usage", measuring(app, every_s=settings.usage_every_s)))
        if "serve" in roles:
            parts += [renderer, rpc_server(settings, app, store, service)]
        yield service


def wire(settings: Settings, pool: Pool, blobs: Blobs, renderer: SandboxedRenderer) -> Application:
    """Bind the use cases to their adapters."""
    assets, clock = PostgresAssets(pool), SystemClock()
    return Application(
        store_asset=partial(store_asset, assets=assets, objects=blobs, renderer=renderer, clock=clock),
        get_assets=partial(get_assets, assets=assets, objects=blobs, clock=clock),
        address=partial(address, objects=blobs, clock=clock),
        sweep_leftovers=partial(
            sweep_leftovers,
            leftovers=PostgresLeftovers(pool),
            objects=blobs,
            clock=clock,
            upload_timeout=timedelta(seconds=settings.upload_timeout_s),
        ),
        usage=assets.usage,
    )


def rpc_server(settings: Settings, app: Application, store: Blobs, service: Service) -> RpcServer:
    """Return the gRPC server; it also serves the objects of a directory store."""
    servicer = AssetsServicer(
        app,
        signed=store if isinstance(store, DirectoryBlobs) else None,
        max_uploads=settings.max_uploads,
        upload_timeout_s=settings.upload_timeout_s,
    )
    return RpcServer(
        "media-grpc",
        settings.grpc_address,
        register(servicer),
        services=SERVICES,
        default_deadline_s=settings.upload_timeout_s,
        ready=service.ready,
    )
