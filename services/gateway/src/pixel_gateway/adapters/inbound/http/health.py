"""Doors of operation: is the process alive, can it serve, how is the bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.domain.access import Access

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_events import BusHealth


@dataclass
class Health:
    """What the doors ask: every readiness check by name with `ok` or the reason, and the state of the bus."""

    ready: Callable[[], Awaitable[dict[str, str]]]
    bus: Callable[[], Awaitable[BusHealth]]


class Liveness(msgspec.Struct):
    """The process answers."""

    status: str


class Readiness(msgspec.Struct):
    """Whether requests can be served, check by check."""

    status: str
    checks: dict[str, str]


class BusView(msgspec.Struct, rename="camel"):
    """The state of the bus."""

    status: str
    reachable: bool
    brokers: list[str]
    topics: list[str]
    missing_topics: list[str]
    error: str | None


def doors(health: Health) -> list[Door]:
    """Return the doors of this group."""

    async def alive(_: Call) -> Reply:
        return json_reply(Liveness(status="ok"))

    async def ready(_: Call) -> Reply:
        checks = await health.ready()
        is_ready = all(reason == "ok" for reason in checks.values())
        body = Readiness(status="ok" if is_ready else "unavailable", checks=checks)
        return json_reply(body, status=200 if is_ready else 503)

    async def bus(_: Call) -> Reply:
        state = await health.bus()
        body = BusView(
            status="healthy" if state.healthy else "unhealthy",
            reachable=state.reachable,
            brokers=[*state.brokers],
            topics=[*state.present],
            missing_topics=[*state.missing],
            error=state.error or None,
        )
        return json_reply(body, status=200 if state.healthy else 503)

    return [
        Door(
            "GET",
            "/healthz",
            alive,
            "Is the process alive",
            {200: Answer("It is.", Liveness)},
            access=Access.PUBLIC,
            tag="operation",
        ),
        Door(
            "GET",
            "/readyz",
            ready,
            "Can requests be served",
            {200: Answer("They can.", Readiness), 503: Answer("They cannot; `checks` says why.", Readiness)},
            access=Access.PUBLIC,
            tag="operation",
        ),
        Door(
            "GET",
            "/api/kafka/health",
            bus,
            "How the bus is",
            {200: Answer("Reachable, no topic missing.", BusView), 503: Answer("It is not.", BusView)},
            tag="operation",
        ),
    ]
