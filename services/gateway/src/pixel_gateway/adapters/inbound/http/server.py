"""uvicorn as a part of the service, with bounds where its own are missing."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from pixel_gateway.adapters.inbound.http.edge import Edge
from pixel_gateway.adapters.inbound.http.errors import ConnectionsFull
from pixel_gateway.adapters.inbound.http.hosts import ANY, AllowedHosts
from pixel_gateway.adapters.inbound.http.pulse import TRANSPORT
from pixel_gateway.adapters.metrics import REFUSED_CONNECTIONS
from pixel_gateway.application.live.signal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litestar.types import ASGIApp, Receive, Scope, Send

MAX_HEAD_BYTES = 65_536
HEAD_WITHIN_S = 15.0
DRAIN_WITHIN_S = 15.0
SOCKET_MESSAGE_BYTES = 65_536
PING_EVERY_S = 20.0
PONG_WITHIN_S = 15.0
PONG_LATE_S = 3.0
"""A peer that answers no ping is closed after at most 38 s: the pause between pings, the wait, the close."""
LINGER_S = 5.0
"""Seconds a peer whose frames are broken may take to read why."""
MAX_CONNECTIONS = 12_000
"""More than the streams that may be open, so that requests get through beside them."""

_RETRY_AFTER_S = 5.0

_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHttpProtocol(HttpToolsProtocol):
    """Cuts clients whose request head is endless or never ends; the parser itself has no such bound."""

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
        # The socket has its own protocol; without the ring of the two this one is freed at once.
        self.parser = None  # type: ignore[assignment]

    def _should_upgrade(self) -> bool:
        return not self._is_excess and super()._should_upgrade()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _Inbox:
    """What the client sent and nobody has read; a tenth of the size of the queue it stands for."""

    __slots__ = ("_messages", "_signal")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._signal = Signal()

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        self._signal.set()

    def empty(self) -> bool:
        return not self._messages

    async def get(self) -> Any:
        while not self._messages:
            await self._signal.wait()
        return self._messages.pop(0)


class SocketProtocol(WebSocketsSansIOProtocol):
    """Takes a refused opening as answered, and text that is no UTF-8 as the client's fault; neither is an error.

    A message with `frame` is written as it is: one that goes to many clients is framed once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = cast("Any", _Inbox())
        self._is_broken = False

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # otherwise the opening was refused
            self.scope["extensions"][TRANSPORT] = self.transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if not self._is_broken:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """Say why, then read what the peer still sends: bytes that nobody read would reset the connection.

        A reset overtakes the close frame, and the peer would never learn the reason.
        """
        self._is_broken = True
        sent = self.conn.close_sent
        assert sent is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": sent.code, "reason": sent.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self.transport.write_eof()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        # A peer that is gone reads nothing: closing would wait for it to take what was written.
        self.loop.call_later(PONG_LATE_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        frame = message.get("frame")
        if frame is not None and self.handshake_complete and not self.close_sent:
            if not self.writable.is_set():
                await self.writable.wait()
            if self.disconnected:
                raise ClientDisconnected
            self.transport.write(frame)
            return
        await super().send(message)
        if message["type"] == "websocket.accept":
            # Kilobytes that only the opening needed.
            self.request = self.response = None  # type: ignore[assignment]
            cast("list[Any]", self.scope["headers"]).clear()
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()


async def _full(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ConnectionsFull(retry_after_s=_RETRY_AFTER_S)


_refuse: Any = Edge(_full, AllowedHosts([ANY]))


class _Server(uvicorn.Server):
    """Leaves signals to the service and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


class HttpServer:
    """Part that serves the application."""

    name = "gateway-http"

    def __init__(
        self, app: ASGIApp, address: str, *, on_stop: Callable[[], None], max_connections: int = MAX_CONNECTIONS
    ) -> None:
        self._app = app
        self._max_connections = max_connections
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._on_stop = on_stop
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.address = address
        """Where it listens; holds the real port after start."""

    async def start(self) -> None:
        """Listen; return when requests are accepted."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host.strip("[]"), self._port))
        except OSError:
            listener.close()
            raise
        self.address = f"{self._host}:{listener.getsockname()[1]}"
        server = self._server = _Server(_config(self._app, self._max_connections))
        self._serving = asyncio.create_task(server.serve(sockets=[listener]), name=self.name)
        listens = asyncio.create_task(server.listens.wait(), name="gateway-http listens")
        await asyncio.wait({self._serving, listens}, return_when=asyncio.FIRST_COMPLETED)
        listens.cancel()
        if self._serving.done():
            await self._serving

    async def stop(self) -> None:
        """End the streams, answer what is under way, close."""
        if self._server is None or self._serving is None:
            return
        self._on_stop()
        self._server.should_exit = True
        serving, self._serving = self._serving, None
        await serving


def _config(app: ASGIApp, max_connections: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=cast("type[BoundedHttpProtocol]", partial(BoundedHttpProtocol, max_connections=max_connections)),
        ws=SocketProtocol,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(DRAIN_WITHIN_S),
        ws_max_size=SOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_WITHIN_S,
    )
