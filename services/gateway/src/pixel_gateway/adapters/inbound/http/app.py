"""The HTTP application: Litestar with endpoints, guard, request, responses and errors, inside the middleware."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from pixel_gateway.adapters.inbound.http.live.stream_limits import StreamLimits
from pixel_gateway.adapters.inbound.http.routes import ROUTES
from pixel_gateway.adapters.inbound.http.routing.endpoint import Endpoint
from pixel_gateway.adapters.inbound.http.routing.error_responses import handle_error
from pixel_gateway.adapters.inbound.http.routing.openapi import document
from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.adapters.inbound.http.security.authorization import Authorization
from pixel_gateway.adapters.inbound.http.security.load_control import LoadControl
from pixel_gateway.adapters.inbound.http.server.outer_middleware import OuterMiddleware
from pixel_gateway.adapters.inbound.http.server.trusted_hosts import TrustedHosts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.types import ASGIApp, ControllerRouterHandler

    from pixel_gateway.adapters.inbound.http.api.operation.routes import Health
    from pixel_gateway.application import Application

MAX_BODY_BYTES = 1_048_576
_ONE_AND_OPTIONS = 2


def create_app(
    application: Application,
    checks: Health,
    *,
    public_url: str = "",
    image_wait_s: float = 120.0,
    queue_secret: str = "",
    stream_limits: StreamLimits | None = None,
    hosts: TrustedHosts | None = None,
    load: LoadControl | None = None,
    routes: Sequence[ControllerRouterHandler] = ROUTES,
) -> ASGIApp:
    """Return the application with every endpoint."""
    state = {
        "application": application,
        "health": checks,
        "image_wait_s": image_wait_s,
        "openapi": _openapi,
        "public_url": public_url,
        "stream_limits": stream_limits or StreamLimits(),
    }
    inside = Litestar(
        route_handlers=[*routes],
        guards=[Authorization(application, queue_secret, load or LoadControl())],
        exception_handlers={Exception: handle_error},
        request_class=Request,
        response_class=JsonResponse,
        request_max_body_size=MAX_BODY_BYTES,
        state=State(state),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    require_load_classes(inside)
    complete_options(inside)
    return OuterMiddleware(inside, hosts or TrustedHosts(public_url=public_url))


def require_load_classes(application: Litestar) -> None:
    """Raise TypeError for a handler that is not an endpoint: it would be neither guarded nor counted."""
    for route in application.routes:
        for handler in getattr(route, "route_handlers", ()):
            is_endpoint = isinstance(handler, Endpoint) and handler.opt["load_class"]
            if isinstance(handler, HTTPRouteHandler) and not is_endpoint and handler.http_methods != {"OPTIONS"}:
                raise TypeError(f"{handler} at {route.path} has no load class; declare it with routing.endpoint")


def complete_options(application: Litestar) -> None:
    """Make OPTIONS list every method of a path; Litestar lists those of its first handler only."""
    for route in application.routes:
        if isinstance(route, HTTPRoute) and len(route.route_handlers) > _ONE_AND_OPTIONS:
            options = route.create_options_handler(route.path)
            options.owner = application
            options.on_registration(application)
            model = options.create_kwargs_model(path_parameters=route.path_parameters)
            route.route_handler_map["OPTIONS"] = (options, model)


async def _openapi() -> bytes:
    return await asyncio.to_thread(_encoded_document)


@cache
def _encoded_document() -> bytes:
    return msgspec.json.encode(document(ROUTES, version=version("pixel-gateway")))
