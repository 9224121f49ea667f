"""The composition root: the only module that knows every adapter."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from pixel_events import Consumer, OutboxRelay, bus_of
from pixel_postgres import open_pool
from pixel_rpc import RpcServer
from pixel_runtime.service import Service
from pixel_telemetry import MetricsServer

from pixel_social.adapters.inbound.events.generation_completed import COMPLETIONS, on_generation_completed
from pixel_social.adapters.inbound.events.generation_failed import FAILURES, on_generation_failed
from pixel_social.adapters.inbound.grpc.services import SERVICES, register
from pixel_social.adapters.outbound.postgres.feed import PostgresFeed
from pixel_social.adapters.outbound.postgres.notifications import CONSUMER as NOTIFIER
from pixel_social.adapters.outbound.postgres.notifications import PostgresNotifications
from pixel_social.adapters.outbound.postgres.sets import CONSUMER, PostgresSets, PostgresStore
from pixel_social.application import Application
from pixel_social.application.feed.discover import discover
from pixel_social.application.notifications.list_notifications import list_notifications
from pixel_social.application.notifications.mark_notifications_read import mark_notifications_read
from pixel_social.application.sets.get_set import get_set
from pixel_social.application.sets.record_set import record_set

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pixel_runtime.service import Part

    from pixel_social.settings import Settings

ALL_ROLES = frozenset({"serve", "work", "relay"})
SCHEMA = "social"


@asynccontextmanager
async def build(settings: Settings, roles: frozenset[str] = ALL_ROLES) -> AsyncIterator[Service]:
    """Open what the roles need, wire it, and close it in reverse order."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.database_url, schema=SCHEMA, application="pixel-social", max_size=settings.pool_max_size)
        )
        checks: dict[str, Callable[[], Awaitable[None]]] = {"postgres": pool.check}
        notifications = PostgresNotifications(pool)
        app = Application(
            record_set=partial(record_set, store=PostgresStore(pool)),
            get_set=partial(get_set, sets=PostgresSets(pool)),
            discover=partial(discover, feed=PostgresFeed(pool)),
            notify=notifications.add,
            list_notifications=partial(list_notifications, notifications=notifications),
            mark_notifications_read=partial(mark_notifications_read, notifications=notifications),
        )
        parts: list[Part] = []
        service = Service("social", parts=parts, checks=checks)
        if settings.metrics_address:
            parts.append(MetricsServer(settings.metrics_address))
        if roles & {"work", "relay"}:
            bus = bus_of(settings)
            stack.push_async_callback(bus.close)
            if "relay" in roles:
                parts.append(OutboxRelay(pool, bus, source="/social"))
            if "work" in roles:
                for reads, name, topic, handler in (
                    ("completions", CONSUMER, COMPLETIONS, on_generation_completed(app)),
                    ("failures", NOTIFIER, FAILURES, on_generation_failed(app)),
                ):
                    consumer = Consumer(name, bus, group=name, topics=[topic], handler=handler)
                    parts.append(consumer)
                    checks[reads] = consumer.check
        if "serve" in roles:
            parts.append(
                RpcServer("social-grpc", settings.grpc_address, register(app), services=SERVICES, ready=service.ready)
            )
        yield service
