"""uvicorn as a part of the service."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, cast

import uvicorn

from pixel_gateway.adapters.inbound.http.server.http_protocol import BoundedHttpProtocol
from pixel_gateway.adapters.inbound.http.server.socket_protocol import SocketProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litestar.types import ASGIApp

DRAIN_WITHIN_S = 15.0
SOCKET_MESSAGE_BYTES = 65_536
PING_EVERY_S = 20.0
PONG_WITHIN_S = 15.0
MAX_CONNECTIONS = 12_000
"""More than the maximum of open streams, so that other requests can connect too."""


class _Server(uvicorn.Server):
    """Leaves signals to the service and reports when it listens."""

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
    """The part that serves the application."""

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
        """The listening address; it has the real port after start."""

    async def start(self) -> None:
        """Start to listen; return when requests are accepted."""
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
        """End the streams, finish requests in progress, close."""
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
