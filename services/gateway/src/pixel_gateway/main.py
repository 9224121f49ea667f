"""The composition root: the only module that knows every adapter."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from pixel_cache import Cache, InProcessCache
from pixel_events import Bus, bus_of
from pixel_postgres import Pool, open_pool
from pixel_rpc import RpcServer, open_channel
from pixel_runtime import every
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import format_id, new_id
from pixel_runtime.service import Loop, Service
from pixel_telemetry import MetricsServer

from pixel_gateway.adapters.inbound.grpc import SERVICES, register
from pixel_gateway.adapters.inbound.http.app import create_app
from pixel_gateway.adapters.inbound.http.health import Health
from pixel_gateway.adapters.inbound.http.hosts import AllowedHosts
from pixel_gateway.adapters.inbound.http.open_streams import OpenStreams
from pixel_gateway.adapters.inbound.http.server import HttpServer
from pixel_gateway.adapters.inbound.status_follower import StatusFollower
from pixel_gateway.adapters.metrics import WATCHED_GENERATIONS, WATCHERS
from pixel_gateway.adapters.outbound.cache import CachedLastStatus
from pixel_gateway.adapters.outbound.generation_rpc import GrpcBilling, GrpcGenerations
from pixel_gateway.adapters.outbound.media_rpc import GrpcMedia
from pixel_gateway.adapters.outbound.postgres import PostgresAccounts, PostgresApiKeys
from pixel_gateway.adapters.outbound.social_rpc import GrpcSets
from pixel_gateway.application import Application, Ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_runtime.service import Part

    from pixel_gateway.settings import Settings

ALL_ROLES = frozenset({"serve", "work", "relay"})
"""Every service takes these roles; this one writes no events, so its relay has nothing to do."""

SCHEMA = "gateway"
USAGE_EVERY_S = 10.0
OWED_CREDITS_EVERY_S = 30.0
_IMAGE_CHANNEL_DEADLINE_S = 30.0


class RandomIds:
    """Ids of time and chance, secrets of chance alone."""

    def new(self, prefix: str) -> str:
        """Return a fresh id with the prefix."""
        return format_id(prefix, new_id())

    def random_text(self) -> str:
        """Return 43 URL-safe characters that carry 256 random bits."""
        return secrets.token_urlsafe(32)


@asynccontextmanager
async def build(settings: Settings, roles: frozenset[str] = ALL_ROLES) -> AsyncIterator[Service]:
    """Open what the roles need, wire it, and close it in reverse order."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(
                settings.database_url, schema=SCHEMA, application="pixel-gateway", max_size=settings.pool_max_size
            )
        )
        bus = bus_of(settings)
        stack.push_async_callback(bus.close)
        app = await _application(settings, pool, stack)
        parts: list[Part] = []
        service = Service("gateway", parts=parts, checks={"postgres": pool.check})
        if settings.metrics_address:
            parts.append(MetricsServer(settings.metrics_address))
        if "work" in roles:
            parts.append(
                Loop("gateway-owed-credits", every(OWED_CREDITS_EVERY_S, app.give_owed_credits, once_more=True))
            )
        if "serve" in roles:
            parts += _serve_parts(settings, app, bus, service)
        yield service


def _serve_parts(settings: Settings, app: Application, bus: Bus, service: Service) -> list[Part]:
    follower = StatusFollower(bus, app.hub, app.ports.last_status, app.ports.clock)
    http = create_app(
        app,
        Health(ready=service.ready, bus=bus.health),
        public_url=settings.public_url,
        image_wait_s=settings.image_wait_s,
        hosts=AllowedHosts(
            settings.allowed_hosts, public_url=settings.public_url, listen_address=settings.http_address
        ),
        open_streams=OpenStreams(in_all=settings.max_streams, per_user=settings.max_streams_per_user),
    )
    WATCHERS.set_function(lambda: app.hub.watcher_count)
    WATCHED_GENERATIONS.set_function(lambda: app.hub.group_count)
    return [
        Loop("gateway-key-usage", every(USAGE_EVERY_S, app.authenticator.write_usage, once_more=True)),
        Loop("gateway-status-follower", follower.follow),
        Loop("gateway-store-look", app.hub.look),
        RpcServer("gateway-grpc", settings.grpc_address, register(app), services=SERVICES),
        HttpServer(http, settings.http_address, on_stop=app.hub.close, max_connections=settings.max_connections),
    ]


async def _application(settings: Settings, pool: Pool, stack: AsyncExitStack) -> Application:
    cache = cache_of(settings)
    stack.push_async_callback(cache.close)
    generation = await stack.enter_async_context(open_channel(settings.generation_address))
    media = await stack.enter_async_context(
        open_channel(settings.media_address, default_deadline_s=_IMAGE_CHANNEL_DEADLINE_S)
    )
    social = await stack.enter_async_context(open_channel(settings.social_address))
    generations = GrpcGenerations(generation)
    stack.push_async_callback(generations.close)
    app = Application(
        Ports(
            accounts=PostgresAccounts(pool),
            keys=PostgresApiKeys(pool),
            generations=generations,
            billing=GrpcBilling(generation),
            sets=GrpcSets(social),
            media=GrpcMedia(media),
            last_status=CachedLastStatus(cache),
            ids=RandomIds(),
            clock=SystemClock(),
        )
    )
    stack.push_async_callback(app.completion.close)
    return app


def cache_of(settings: Settings) -> Cache:
    """Return the cache the settings name; it connects when it is used."""
    if not settings.redis_url:
        return InProcessCache()
    from pixel_cache import RedisCache

    return RedisCache(settings.redis_url)
