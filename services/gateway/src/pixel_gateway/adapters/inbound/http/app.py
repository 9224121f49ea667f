"""The HTTP application: doors on Litestar's routes, problems for every error, metrics and identity around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Response
from litestar.enums import HttpMethod
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp  # noqa: TC002  Litestar reads the annotations
from pixel_rpc import Caller, calling_as

from pixel_gateway.adapters.inbound.http.all_doors import all_doors
from pixel_gateway.adapters.inbound.http.doors import Call, header_map
from pixel_gateway.adapters.inbound.http.edge import Edge, error_reply, request_id_of
from pixel_gateway.adapters.inbound.http.entry import Entry
from pixel_gateway.adapters.inbound.http.errors import MethodNotAllowed
from pixel_gateway.adapters.inbound.http.hosts import AllowedHosts
from pixel_gateway.adapters.inbound.http.open_streams import OpenStreams
from pixel_gateway.adapters.inbound.http.socket import sockets
from pixel_gateway.adapters.inbound.http.traffic import LoadControl, traffic_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixel_gateway.adapters.inbound.http.doors import Door
    from pixel_gateway.adapters.inbound.http.health import Health
    from pixel_gateway.application import Application


def create_app(
    application: Application,
    checks: Health,
    *,
    public_url: str = "",
    image_wait_s: float = 120.0,
    queue_secret: str = "",
    open_streams: OpenStreams | None = None,
    hosts: AllowedHosts | None = None,
    load: LoadControl | None = None,
) -> ASGIApp:
    """Return the application with every door."""
    open_streams = open_streams or OpenStreams()
    hosts = hosts or AllowedHosts(public_url=public_url)
    load = load or LoadControl()
    doors = all_doors(application, checks, open_streams, image_wait_s=image_wait_s)
    entry = Entry(application, queue_secret)
    inside = Litestar(
        route_handlers=[
            *(_route(door, entry, public_url, load) for door in doors),
            *sockets(application, open_streams, hosts),
        ],
        exception_handlers={Exception: _error_handler(doors)},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        debug=False,
    )
    return Edge(inside, hosts)


def _route(door: Door, entry: Entry, public_url: str, load: LoadControl) -> HTTPRouteHandler:
    traffic = traffic_of(door)

    async def answer(request: Request[Any, Any, Any]) -> ASGIApp:
        headers = header_map(request.scope["headers"])
        principal = await entry.admit(door, request.scope, headers)
        user_id = principal.user_id
        await load.count(traffic, request.scope, user_id)
        request_id = request_id_of(request.scope)
        call = Call(
            request.scope,
            request.receive,
            headers=headers,
            user_id=user_id,
            request_id=request_id,
            public_url=public_url,
            api_key_id=principal.key_id,
        )
        with calling_as(Caller(user_id=user_id, request_id=request_id)):
            return await door.handle(call)

    async def admitted(request: Request[Any, Any, Any]) -> ASGIApp:
        with load.admitted(traffic, request.scope):
            return await answer(request)

    handler = HTTPRouteHandler(
        door.path, http_method=_methods(door), status_code=200, name=f"{door.method} {door.path}"
    )
    return handler(admitted)


def _methods(door: Door) -> list[HttpMethod]:
    """Return what a door answers to: where there is GET there is HEAD."""
    return [HttpMethod.GET, HttpMethod.HEAD] if door.method == "GET" else [HttpMethod(door.method)]


class _ErrorResponse(Response[bytes]):
    """Carries an error's answer through Litestar, which wants a Response."""

    def __init__(self, reply: ASGIApp) -> None:
        super().__init__(b"")
        self._reply = reply

    def to_asgi_response(self, *_args: Any, **_kwargs: Any) -> Any:
        return self._reply


def _error_handler(doors: Sequence[Door]) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """Return what renders any error; a wrong method is told the right ones, which the router keeps to itself."""
    methods: dict[str, list[str]] = {}
    for door in doors:
        methods.setdefault(_pattern(door.path), []).extend(method.value for method in _methods(door))

    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        if isinstance(error, MethodNotAllowedException):
            path = request.scope["path"].rstrip("/")
            allowed = [method for pattern, known in methods.items() if re.fullmatch(pattern, path) for method in known]
            error = MethodNotAllowed(metadata={"allow": ", ".join(sorted({*allowed, "OPTIONS"}))})
        return _ErrorResponse(error_reply(error, request.scope))

    return answer


def _pattern(path: str) -> str:
    return re.sub(r"\{\w+:(\w+)\}", lambda match: ".+" if match[1] == "path" else "[^/]+", path)
