"""uvicorn's HTTP protocol with limits that its parser does not have.

The overridden members are internal to uvicorn: `pyproject.toml` allows only the minor versions they were tested with,
and `tests/unit/gateway/test_uvicorn_internals.py` fails when one of the names is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pixel_gateway.adapters.inbound.http.routing.errors import ConnectionsFull
from pixel_gateway.adapters.inbound.http.server.outer_middleware import OuterMiddleware
from pixel_gateway.adapters.inbound.http.server.transport import TRANSPORT
from pixel_gateway.adapters.inbound.http.server.trusted_hosts import ANY, TrustedHosts
from pixel_gateway.adapters.metrics import REFUSED_CONNECTIONS

if TYPE_CHECKING:
    import asyncio

    from litestar.types import Receive, Scope, Send

MAX_HEAD_BYTES = 65_536
HEAD_WITHIN_S = 15.0

_RETRY_AFTER_S = 5.0
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


async def _full(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ConnectionsFull(retry_after_s=_RETRY_AFTER_S)


_refuse: Any = OuterMiddleware(_full, TrustedHosts([ANY]))


class BoundedHttpProtocol(HttpToolsProtocol):
    """Disconnects clients whose request head is too large or too slow; the parser has no such limit."""

    def __init__(self, *args: Any, max_connections: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_connections = max_connections
        self._is_excess = False
        self._head_bytes = 0
        self._is_in_head = True
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._max_connections:
            REFUSED_CONNECTIONS.inc()
            self._is_excess = True
            self.app = _refuse  # answers the first request, then the connection closes
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._is_in_head = True
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self.transport.close)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._head_bytes = 0
        self._stop_timer()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]  # uvicorn knows its own
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        # The WebSocket has its own protocol; without their reference cycle this one is freed at once.
        self.parser = None  # type: ignore[assignment]

    def _should_upgrade(self) -> bool:
        return not self._is_excess and super()._should_upgrade()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
