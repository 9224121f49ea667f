"""Endpoints of operation: liveness, readiness, state of the bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from litestar import Controller
from litestar.openapi.datastructures import ResponseSpec

from pixel_gateway.adapters.inbound.http.api.operation.schemas import BusView, Liveness, Readiness
from pixel_gateway.adapters.inbound.http.routing.endpoint import get
from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_events import BusHealth


@dataclass
class Health:
    """The readiness checks by name with `ok` or the reason, and the state of the bus."""

    ready: Callable[[], Awaitable[dict[str, str]]]
    bus: Callable[[], Awaitable[BusHealth]]


class Operation(Controller):
    """State of the process and its dependencies."""

    tags = ("operation",)

    @get(
        "/healthz",
        access=Access.PUBLIC,
        load_class=LoadClass.UNLIMITED,
        summary="Liveness of the process",
        answer="The process is alive.",
        ignores_query=True,
    )
    async def alive(self) -> Liveness:
        return Liveness(status="ok")

    @get(
        "/readyz",
        access=Access.PUBLIC,
        load_class=LoadClass.UNLIMITED,
        summary="Readiness of the process",
        answer="Requests can be served.",
        responses={
            503: ResponseSpec(
                Readiness, generate_examples=False, description="Requests cannot be served; `checks` has the reasons."
            )
        },
        ignores_query=True,
    )
    async def ready(self, request: Request) -> JsonResponse[Readiness]:
        checks = await health_of(request).ready()
        is_ready = all(reason == "ok" for reason in checks.values())
        body = Readiness(status="ok" if is_ready else "unavailable", checks=checks)
        return JsonResponse(body, status_code=200 if is_ready else 503)

    @get(
        "/api/kafka/health",
        load_class=LoadClass.UNLIMITED,
        summary="State of the bus",
        answer="Reachable, no topic missing.",
        responses={
            503: ResponseSpec(
                BusView, generate_examples=False, description="The bus is unreachable, or topics are missing."
            )
        },
        ignores_query=True,
    )
    async def bus(self, request: Request) -> JsonResponse[BusView]:
        state = await health_of(request).bus()
        body = BusView(
            status="healthy" if state.healthy else "unhealthy",
            reachable=state.reachable,
            brokers=[*state.brokers],
            topics=[*state.present],
            missing_topics=[*state.missing],
            error=state.error or None,
        )
        return JsonResponse(body, status_code=200 if state.healthy else 503)


def health_of(request: Request) -> Health:
    """Return the checks of the process."""
    health: Health = request.app.state.health
    return health
