"""The outermost middleware: limits of the head, request id, trace, metrics and header fields of every response.

It wraps Litestar, so that it also handles requests that Litestar refuses before routing.
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pixel_telemetry

from pixel_gateway.adapters.inbound.http.routing.error_responses import error_response
from pixel_gateway.adapters.inbound.http.routing.errors import HeadersTooLarge, MalformedRequest, NoSuchRoute
from pixel_gateway.adapters.inbound.http.routing.problems import problem
from pixel_gateway.adapters.inbound.http.routing.request import request_id_of
from pixel_gateway.adapters.inbound.http.security.load_control import rate_limit_headers, release_slot
from pixel_gateway.adapters.metrics import REQUEST_SECONDS, REQUESTS

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send
    from prometheus_client import Counter, Histogram

    from pixel_gateway.adapters.inbound.http.server.trusted_hosts import TrustedHosts

log = pixel_telemetry.get_logger(__name__)

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768

_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
_EVERYWHERE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]


class OuterMiddleware:
    """Wraps the application; knows no endpoint."""

    def __init__(self, inside: ASGIApp, hosts: TrustedHosts) -> None:
        self._inside = inside
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = str(scope["type"])
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._inside(scope, receive, send)

    async def _websocket(self, scope: Any, receive: Receive, send: Send) -> None:
        request_id = scope["state"]["request_id"] = _request_id(scope)
        with pixel_telemetry.bind(request_id=request_id):
            try:
                check_head(scope, self._hosts)
            except Exception as error:  # noqa: BLE001  rendered as the answer to the opening request
                await refuse_opening(error, scope, send)
                return
            await self._inside(scope, receive, _Opening(send, scope))

    async def _http(self, scope: Any, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request_id = scope.setdefault("state", {})["request_id"] = _request_id(scope)
        answer = _ResponseSender(send, scope, request_id)
        carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _TRACE_FIELDS}
        with (
            ExitStack() as held,
            pixel_telemetry.bind(request_id=request_id),
            pixel_telemetry.extracted(carrier),
            pixel_telemetry.span(f"HTTP {scope['method']}", "server") as span,
        ):
            scope["state"]["held"] = held
            answer.trace = pixel_telemetry.inject().get("traceparent", "")
            try:
                check_head(scope, self._hosts)
                await self._inside(scope, receive, answer)
            except Exception as error:  # noqa: BLE001  the last place that can answer
                await self._fail(error, scope, receive, answer)
            route = scope.get("path_template") or "unmatched"
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", answer.status)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        _counter(route, method, answer.status).inc()
        if not answer.is_stream:
            _timer(route, method).observe(time.perf_counter() - started)

    async def _fail(self, error: Exception, scope: Any, receive: Receive, answer: _ResponseSender) -> None:
        if answer.status:
            log.error("response_aborted", exc_info=error)
            raise error
        await error_response(error, scope).to_asgi_response(None, None)(scope, receive, answer)


class _Opening:
    """Passes the messages of a WebSocket; without a route the opening request gets a response like any other."""

    __slots__ = ("_is_answered", "_scope", "_send")

    def __init__(self, send: Send, scope: Any) -> None:
        self._send = send
        self._scope = scope
        self._is_answered = False

    async def __call__(self, message: Message) -> None:
        if not self._is_answered:
            self._is_answered = True
            if message["type"] == "websocket.close":
                await refuse_opening(NoSuchRoute(), self._scope, self._send)
                return
        await self._send(message)


class _ResponseSender:
    """Adds the header fields of every response, and records its status."""

    __slots__ = ("_request_id", "_scope", "_send", "is_stream", "status", "trace")

    def __init__(self, send: Send, scope: Any, request_id: str) -> None:
        self._send = send
        self._scope = scope
        self._request_id = request_id.encode()
        self.status = 0
        self.is_stream = False
        self.trace = ""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            release_slot(self._scope)
            headers = [*message["headers"], (b"x-request-id", self._request_id), *_EVERYWHERE]
            headers += rate_limit_headers(self._scope)
            if self.trace:
                headers.append((b"traceparent", self.trace.encode()))
            self.is_stream = (b"content-type", b"text/event-stream") in headers
            message["headers"] = headers
        await self._send(message)


@cache
def _counter(route: str, method: str, status: int) -> Counter:
    return REQUESTS.labels(route, method, str(status))


@cache
def _timer(route: str, method: str) -> Histogram:
    return REQUEST_SECONDS.labels(route, method)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TRACE_FIELDS = frozenset({b"traceparent", b"tracestate"})


async def refuse_opening(error: Exception, scope: Any, send: Send) -> None:
    """Refuse the opening request of a WebSocket with a problem."""
    response = problem(error, request_id_of(scope)).to_asgi_response(None, None)
    headers = [*response.encode_headers(), (b"x-request-id", request_id_of(scope).encode())]
    start: Any = {"type": "websocket.http.response.start", "status": response.status_code, "headers": headers}
    body: Any = {"type": "websocket.http.response.body", "body": response.body, "more_body": False}
    await send(start)
    await send(body)


def _request_id(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if _SAFE_ID.fullmatch(text):
                return text
    return f"req_{secrets.token_hex(16)}"


def check_head(scope: Any, allowed: TrustedHosts) -> None:
    """Raise HeadersTooLarge, MalformedRequest, HostNotAllowed or NoSuchRoute for an invalid head."""
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise HeadersTooLarge(f"At most {MAX_HEADERS} header fields of {MAX_HEADER_BYTES} bytes together.")
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (hosts and not _HOST.fullmatch(hosts[0])):
        raise MalformedRequest("The Host field is malformed.")
    allowed.check(scope)
    raw_path: bytes = scope.get("raw_path") or b""
    if b"%" in raw_path:
        try:
            path = unquote_to_bytes(raw_path).decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedRequest("The path is not UTF-8 in percent encoding.") from None
        if "\x00" in path:
            raise MalformedRequest("The path holds NUL.")
    # The router would ignore these, which gives one resource two paths.
    if "//" in scope["path"] or (scope["path"].endswith("/") and scope["path"] != "/"):
        raise NoSuchRoute
