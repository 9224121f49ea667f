"""The composition root: opens what the roles need, wires it, and closes it in reverse order."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pixel_events import bus_of
from pixel_postgres import open_pool
from pixel_rpc import open_channel
from pixel_runtime import every
from pixel_runtime.clock import SystemClock
from pixel_runtime.service import Loop, Part, Service
from pixel_telemetry import MetricsServer

from pixel_generation.adapters.metrics import LedgerMetrics
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.ledger_rules import PostgresLedgerRules
from pixel_generation.application.maintenance.reconcile_ledger import reconcile_ledger
from pixel_generation.application.maintenance.replay_jobs import replay_jobs
from pixel_generation.wiring.adapters import SCHEMA, open_adapters
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_generation.wiring.relay import relay_parts
from pixel_generation.wiring.serve import serve_parts
from pixel_generation.wiring.work import work_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pixel_generation.application.maintenance.ports import RuleResult
    from pixel_generation.application.maintenance.replay_jobs import Replayed
    from pixel_generation.settings import Settings

ALL_ROLES = frozenset({"serve", "work", "relay"})
CLOCK_LOOK_S = 10.0


@dataclass(frozen=True)
class Commands:
    """The commands of operators."""

    reconcile: Callable[[], Awaitable[list[RuleResult]]]
    replay: Callable[[int], Awaitable[Replayed]]


@asynccontextmanager
async def build(settings: Settings, roles: frozenset[str] = ALL_ROLES) -> AsyncIterator[Service]:
    """Yield the service with the parts of its roles."""
    async with AsyncExitStack() as stack:
        adapters = await stack.enter_async_context(open_adapters(settings))
        parts: list[Part] = [Loop("generation-clock", every(CLOCK_LOOK_S, adapters.clock.look))]
        service = Service("generation", parts=parts, checks={"postgres": adapters.pool.check})
        if settings.metrics_address:
            parts.append(MetricsServer(settings.metrics_address))
        if roles & {"work", "relay"}:
            bus = bus_of(settings)
            stack.push_async_callback(bus.close)
            if "relay" in roles:
                parts += relay_parts(settings, adapters, bus)
            if "work" in roles:
                media = await stack.enter_async_context(open_channel(settings.media_address))
                parts += work_parts(settings, adapters, bus, media, service)
        if "serve" in roles:
            parts += serve_parts(settings, adapters, service)
        yield service


@asynccontextmanager
async def open_commands(settings: Settings) -> AsyncIterator[Commands]:
    """Yield the operator's commands; raise Unavailable at once when the database does not answer."""
    async with open_pool(settings.database_url, schema=SCHEMA, application="pixel-generation-operator") as pool:
        await pool.check()
        yield Commands(
            reconcile=partial(reconcile_ledger, rules=PostgresLedgerRules(pool), observer=LedgerMetrics()),
            replay=partial(
                replay_jobs,
                jobs=PostgresAllJobs(pool, KINDS),
                history=PostgresJobs(pool, SystemClock(), KINDS, MESSAGES),
                kinds=KINDS,
            ),
        )
