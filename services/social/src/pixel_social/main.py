"""The composition root: the only module that knows every adapter."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel_events import Bus, Consumer, OutboxRelay, open_bus
from pixel_postgres import open_pool
from pixel_rpc import RpcServer
from pixel_runtime.clock import SystemClock
from pixel_runtime.service import Loop, Service
from pixel_telemetry import MetricsServer

from pixel_social.adapters.inbound.events import COMPLETIONS, on_generation_completed
from pixel_social.adapters.inbound.grpc import SERVICES, register
from pixel_social.adapters.outbound.postgres import CONSUMER, PostgresImages, PostgresInbox, PostgresStore
from pixel_social.application import Application
from pixel_social.application.discover import discover
from pixel_social.application.get_set import get_set
from pixel_social.application.record_set import record_set

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pixel_runtime.clock import Clock
    from pixel_runtime.service import Part

    from pixel_social.settings import Settings

ALL_ROLES = frozenset({"serve", "work", "relay"})
SCHEMA = "social"
INBOX_SWEEP_S = 3600.0


@asynccontextmanager
async def build(settings: Settings, roles: frozenset[str] = ALL_ROLES) -> AsyncIterator[Service]:
    """Open what the roles need, wire it, and close it in reverse order."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.database_url, schema=SCHEMA, application="pixel-social", max_size=settings.pool_max_size)
        )
        checks: dict[str, Callable[[], Awaitable[None]]] = {"postgres": pool.check}
        images = PostgresImages(pool)
        app = Application(
            record_set=partial(record_set, store=PostgresStore(pool)),
            get_set=partial(get_set, images=images),
            discover=partial(discover, images=images),
        )
        parts: list[Part] = []
        if settings.metrics_address:
            parts.append(MetricsServer(settings.metrics_address))
        if roles & {"work", "relay"}:
            bus = bus_of(settings)
            stack.push_async_callback(bus.close)
            if "relay" in roles:
                parts.append(OutboxRelay(pool, bus, source="/social"))
                parts.append(Loop("social-inbox-sweep", inbox_sweep(PostgresInbox(pool), SystemClock(), settings)))
            if "work" in roles:
                handler = on_generation_completed(app)
                parts.append(Consumer(CONSUMER, bus, group=CONSUMER, topics=[COMPLETIONS], handler=handler))
        if "serve" in roles:
            parts.append(RpcServer("social-grpc", settings.grpc_address, register(app), services=SERVICES))
        yield Service("social", parts=parts, checks=checks)


def bus_of(settings: Settings) -> Bus:
    """Return the bus the settings name; it connects when it is used."""
    return open_bus(
        f"kafka://{settings.kafka_brokers}" if settings.kafka_brokers else settings.bus_url,
        client_id=settings.kafka_client_id,
        ssl=settings.kafka_ssl,
        sasl_username=settings.kafka_sasl_username,
        sasl_password=settings.kafka_sasl_password.reveal(),
    )


def inbox_sweep(inbox: PostgresInbox, clock: Clock, settings: Settings) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return a loop body that forgets events older than anything a topic can deliver again."""

    async def sweep(stop: asyncio.Event) -> None:
        while not stop.is_set():
            await inbox.forget_before(clock.now() - timedelta(days=settings.inbox_days))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), INBOX_SWEEP_S)

    return sweep
