"""The /metrics endpoint, on its own port so that it is not public."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

if TYPE_CHECKING:
    from threading import Thread
    from wsgiref.simple_server import WSGIServer


class MetricsServer:
    """Serves the process's metrics to Prometheus from a thread; `port` is the real one after start."""

    name = "metrics"

    def __init__(self, address: str, *, registry: CollectorRegistry = REGISTRY) -> None:
        host, separator, port = address.rpartition(":")
        if not separator or not port.isdecimal():
            raise ValueError(f"expected host:port for metrics, not {address!r}")
        self._host = host.strip("[]") or "0.0.0.0"  # noqa: S104 - ":9464" means every interface
        self.port = int(port)
        self._registry = registry
        self._running: tuple[WSGIServer, Thread] | None = None

    async def start(self) -> None:
        """Bind and serve; raise OSError when the port is taken."""
        if self._running is None:
            self._running = start_http_server(self.port, self._host, registry=self._registry)
            self.port = self._running[0].server_port

    async def stop(self) -> None:
        """Close the port."""
        running, self._running = self._running, None
        if running is not None:
            await asyncio.to_thread(_close, *running)


def _close(server: WSGIServer, thread: Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()
