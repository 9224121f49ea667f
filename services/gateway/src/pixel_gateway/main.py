"""The composition root: opens what the roles need and wires it."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from pixel_events import bus_of
from pixel_postgres import open_pool
from pixel_runtime import every
from pixel_runtime.service import Loop, Service
from pixel_telemetry import MetricsServer

from pixel_gateway.application.generations.completion import Completion
from pixel_gateway.wiring.adapters import open_adapters
from pixel_gateway.wiring.application import make_application
from pixel_gateway.wiring.serve import serve_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_runtime.service import Part

    from pixel_gateway.settings import Settings

ALL_ROLES = frozenset({"serve", "work", "relay"})
"""Every service has these roles; this one writes no events, so its relay does nothing."""

SCHEMA = "gateway"
OWED_CREDITS_EVERY_S = 30.0


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
        adapters = await open_adapters(settings, pool, stack)
        completion = Completion(sets=adapters.sets)
        stack.push_async_callback(completion.close)
        application = make_application(adapters, completion, admin_usernames=frozenset(settings.admin_usernames))
        parts: list[Part] = []
        service = Service("gateway", parts=parts, checks={"postgres": pool.check})
        if settings.metrics_address:
            parts.append(MetricsServer(settings.metrics_address))
        if "work" in roles:
            give = every(OWED_CREDITS_EVERY_S, application.accounts.give_owed_credits, once_more=True)
            parts.append(Loop("gateway-owed-credits", give))
        if "serve" in roles:
            parts += serve_parts(settings, application, bus, service, stack)
        yield service
