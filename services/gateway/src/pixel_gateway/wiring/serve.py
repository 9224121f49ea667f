"""The role `serve`: the public HTTP API, the accounts RPCs, and the events that feed open streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_cache import InProcessLeakyBuckets, LeakyBuckets
from pixel_rpc import RpcServer
from pixel_runtime import every
from pixel_runtime.clock import SystemClock
from pixel_runtime.service import Loop

from pixel_gateway.adapters.inbound.grpc import SERVICES, register
from pixel_gateway.adapters.inbound.http.api.operation.routes import Health
from pixel_gateway.adapters.inbound.http.app import create_app
from pixel_gateway.adapters.inbound.http.live.stream_limits import StreamLimits
from pixel_gateway.adapters.inbound.http.security.load_control import LoadControl
from pixel_gateway.adapters.inbound.http.server.trusted_hosts import TrustedHosts
from pixel_gateway.adapters.inbound.http.server.uvicorn_server import HttpServer
from pixel_gateway.adapters.inbound.status_broadcast import CHANNEL, StatusBroadcast
from pixel_gateway.adapters.inbound.status_follower import StatusFollower
from pixel_gateway.adapters.load_metrics import LoadMetrics
from pixel_gateway.adapters.metrics import LISTENERS, WATCHED_GENERATIONS, WATCHERS
from pixel_gateway.application.load.admission import Admission
from pixel_gateway.application.load.rate_limiting import RateLimiter
from pixel_gateway.domain.concurrency_limit import ConcurrencyLimit
from pixel_gateway.domain.rate_limit import policies

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from pixel_events import Bus
    from pixel_runtime.service import Part, Service

    from pixel_gateway.application import Application
    from pixel_gateway.settings import Settings

USAGE_EVERY_S = 10.0


def serve_parts(
    settings: Settings, application: Application, bus: Bus, service: Service, stack: AsyncExitStack
) -> list[Part]:
    """Return the parts of the role."""
    live = application.live
    broadcast = _broadcast(settings, application, stack)
    follower = StatusFollower(bus, live.publish, live.remember_statuses, SystemClock(), broadcast)
    http = create_app(
        application,
        Health(ready=service.ready, bus=bus.health),
        public_url=settings.public_url,
        image_wait_s=settings.image_wait_s,
        queue_secret=settings.queue_processor_secret.reveal(),
        hosts=TrustedHosts(
            settings.allowed_hosts, public_url=settings.public_url, listen_address=settings.http_address
        ),
        stream_limits=StreamLimits(in_all=settings.max_streams, per_user=settings.max_streams_per_user),
        load=_load_control(settings, stack),
    )
    WATCHERS.set_function(live.watcher_count)
    WATCHED_GENERATIONS.set_function(live.watched_generation_count)
    LISTENERS.set_function(live.listener_count)
    return [
        Loop("gateway-key-usage", every(USAGE_EVERY_S, application.accounts.write_key_usage, once_more=True)),
        Loop("gateway-status-follower", follower.follow),
        *([Loop("gateway-status-broadcast", broadcast.listen)] if broadcast else []),
        Loop("gateway-store-look", live.poll_silent_generations),
        RpcServer("gateway-grpc", settings.grpc_address, register(application), services=SERVICES),
        HttpServer(http, settings.http_address, on_stop=live.close_streams, max_connections=settings.max_connections),
    ]


def _load_control(settings: Settings, stack: AsyncExitStack) -> LoadControl:
    """Return the load control: this process's admission, and rate limits shared over Redis if configured."""
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


def _broadcast(settings: Settings, application: Application, stack: AsyncExitStack) -> StatusBroadcast | None:
    """Return the broadcast of status events to the other gateways, or None when each reads the bus itself."""
    if not settings.broadcast_url:
        return None
    from pixel_cache import RedisChannel

    channel = RedisChannel(settings.broadcast_url, CHANNEL)
    stack.push_async_callback(channel.close)
    return StatusBroadcast(channel, application.live.publish)
