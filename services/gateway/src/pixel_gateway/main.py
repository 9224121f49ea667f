"""The composition root: the only module that knows every adapter."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from pixel_cache import Cache, InProcessCache, InProcessLeakyBuckets, LeakyBuckets
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
from pixel_gateway.adapters.inbound.http.traffic import LoadControl
from pixel_gateway.adapters.inbound.status_broadcast import CHANNEL, StatusBroadcast
from pixel_gateway.adapters.inbound.status_follower import StatusFollower
from pixel_gateway.adapters.load_metrics import LoadMetrics
from pixel_gateway.adapters.metrics import LISTENERS, WATCHED_GENERATIONS, WATCHERS
from pixel_gateway.adapters.outbound.bulk_calls import PostgresBulkCalls
from pixel_gateway.adapters.outbound.cache import CachedLastStatus
from pixel_gateway.adapters.outbound.generation.billing_rpc import (
    GrpcAdjustments,
    GrpcBilling,
    GrpcBudgets,
    GrpcLedgerReads,
    GrpcPromotionCodes,
)
from pixel_gateway.adapters.outbound.generation.generations_rpc import GrpcGenerations
from pixel_gateway.adapters.outbound.generation.job_commands_rpc import GrpcJobCommands
from pixel_gateway.adapters.outbound.generation.operations_rpc import (
    GrpcFailedGenerations,
    GrpcQueueOperations,
    GrpcRecords,
)
from pixel_gateway.adapters.outbound.generation.user_events_rpc import GrpcUserEvents
from pixel_gateway.adapters.outbound.media.media_rpc import GrpcMedia
from pixel_gateway.adapters.outbound.postgres import PostgresAccounts, PostgresApiKeys
from pixel_gateway.adapters.outbound.social.notifications_rpc import GrpcNotifications
from pixel_gateway.adapters.outbound.social.social_rpc import GrpcSets
from pixel_gateway.adapters.outbound.tickets import PostgresTickets
from pixel_gateway.application import Application, Ports
from pixel_gateway.application.engine import EnginePorts
from pixel_gateway.application.load.admission import Admission
from pixel_gateway.application.load.rate_limiting import RateLimiter
from pixel_gateway.domain.concurrency_limit import ConcurrencyLimit
from pixel_gateway.domain.rate_limit import policies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc.aio
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
            parts += _serve_parts(settings, app, bus, service, stack)
        yield service


def _serve_parts(settings: Settings, app: Application, bus: Bus, service: Service, stack: AsyncExitStack) -> list[Part]:
    broadcast = _broadcast(settings, app, stack)
    follower = StatusFollower(bus, app.publish, app.ports.last_status, app.ports.clock, broadcast)
    http = create_app(
        app,
        Health(ready=service.ready, bus=bus.health),
        public_url=settings.public_url,
        image_wait_s=settings.image_wait_s,
        queue_secret=settings.queue_processor_secret.reveal(),
        hosts=AllowedHosts(
            settings.allowed_hosts, public_url=settings.public_url, listen_address=settings.http_address
        ),
        open_streams=OpenStreams(in_all=settings.max_streams, per_user=settings.max_streams_per_user),
        load=_load_control(settings, stack),
    )
    WATCHERS.set_function(lambda: app.hub.watcher_count)
    WATCHED_GENERATIONS.set_function(lambda: app.hub.group_count)
    LISTENERS.set_function(lambda: app.channels.listener_count)
    return [
        Loop("gateway-key-usage", every(USAGE_EVERY_S, app.authenticator.write_usage, once_more=True)),
        Loop("gateway-status-follower", follower.follow),
        *([Loop("gateway-status-broadcast", broadcast.listen)] if broadcast else []),
        Loop("gateway-store-look", app.hub.look),
        RpcServer("gateway-grpc", settings.grpc_address, register(app), services=SERVICES),
        HttpServer(http, settings.http_address, on_stop=app.close_streams, max_connections=settings.max_connections),
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
            user_events=GrpcUserEvents(generation),
            tickets=PostgresTickets(pool),
            notifications=GrpcNotifications(social),
            engine=_engine_ports(generation, pool),
            admin_usernames=frozenset(settings.admin_usernames),
            ids=RandomIds(),
            clock=SystemClock(),
        )
    )
    stack.push_async_callback(app.completion.close)
    return app


def _engine_ports(generation: grpc.aio.Channel, pool: Pool) -> EnginePorts:
    return EnginePorts(
        job_commands=GrpcJobCommands(generation),
        ledger_reads=GrpcLedgerReads(generation),
        budgets=GrpcBudgets(generation),
        adjustments=GrpcAdjustments(generation),
        promotions=GrpcPromotionCodes(generation),
        queue=GrpcQueueOperations(generation),
        failures=GrpcFailedGenerations(generation),
        records=GrpcRecords(generation),
        bulk_calls=PostgresBulkCalls(pool),
    )


def cache_of(settings: Settings) -> Cache:
    """Return the cache the settings name; it connects when it is used."""
    url = settings.redis_url or settings.broadcast_url
    if not url:
        return InProcessCache()
    from pixel_cache import RedisCache

    return RedisCache(url)


def _load_control(settings: Settings, stack: AsyncExitStack) -> LoadControl:
    """Return what turns requests away: this process's admission, and limits that share Redis where there is one."""
    metrics = LoadMetrics()
    own = InProcessLeakyBuckets()
    shared: LeakyBuckets = own
    url = settings.redis_url or settings.broadcast_url
    if url:
        from pixel_cache import RedisLeakyBuckets

        shared = RedisLeakyBuckets(url)
        stack.push_async_callback(shared.close)
    limit = ConcurrencyLimit(settings.min_in_flight, settings.max_in_flight, settings.calm_latency_s)
    per_minute = policies(
        creates=settings.creates_per_minute,
        reads=settings.reads_per_minute,
        status_reads=settings.status_reads_per_minute,
        critical=settings.critical_per_minute,
    )
    return LoadControl(Admission(limit, metrics), RateLimiter(per_minute, shared=shared, own=own, observer=metrics))


def _broadcast(settings: Settings, app: Application, stack: AsyncExitStack) -> StatusBroadcast | None:
    """Return what carries status events to the other gateways, or None where each reads the bus itself."""
    if not settings.broadcast_url:
        return None
    from pixel_cache import RedisChannel

    channel = RedisChannel(settings.broadcast_url, CHANNEL)
    stack.push_async_callback(channel.close)
    return StatusBroadcast(channel, app.publish)
