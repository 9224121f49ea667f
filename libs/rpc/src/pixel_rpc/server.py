"""The server side: a part that serves, reports health, answers reflection, and stops gracefully."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from pixel_runtime import Loop, pause
from pixel_telemetry import get_logger

from pixel_rpc.server_interceptor import CallInterceptor

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence

log = get_logger(__name__)
LOOK_EVERY_S = 2.0
LOOK_AGAIN_S = 0.25
"""While not ready, readiness is checked more often."""

WATCH_GRACE_S = 0.5
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_METADATA_BYTES = 64 * 1024  # fits an error with all its violations
_OPTIONS = (
    # Two servers must not share a port unnoticed.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


def size_options(max_message_bytes: int) -> tuple[tuple[str, int], ...]:
    """Return the channel options that bound messages and metadata."""
    return (
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_metadata_size", _METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", 2 * _METADATA_BYTES),
    )


class RpcServer:
    """A gRPC server as a part of a service; `address` has the real port after start."""

    def __init__(
        self,
        name: str,
        address: str,
        register: Callable[[grpc.aio.Server], None],
        *,
        services: Sequence[str],
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        default_deadline_s: float = 5.0,
        reflection: bool = True,
        grace_s: float = 10.0,
        ready: Callable[[], Awaitable[Mapping[str, str]]] | None = None,
    ) -> None:
        """`ready` returns "ok" or a reason for each readiness check; without it the server is always SERVING."""
        self.name = name
        self.address = address
        self._register = register
        self._services = tuple(services)
        self._max_message_bytes = max_message_bytes
        self._default_deadline_s = default_deadline_s
        self._reflection = reflection
        self._grace_s = grace_s
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()
        self._ready = ready
        self._is_ready = True
        self._watch = Loop(f"{name}-health", self._watch_readiness, grace_s=WATCH_GRACE_S)

    async def start(self) -> None:
        """Bind, serve and report readiness; raise RuntimeError when the port cannot be bound."""
        server = grpc.aio.server(
            interceptors=[CallInterceptor(default_deadline_s=self._default_deadline_s)],
            options=(*_OPTIONS, *size_options(self._max_message_bytes)),
        )
        self._register(server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._reflection:
            names = (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, server)
        port = server.add_insecure_port(self.address)
        self._is_ready = True
        await self._report()
        await self._look(is_starting=True)
        await server.start()
        self._server = server
        self.address = f"{self.address.rpartition(':')[0]}:{port}"
        if self._ready is not None:
            await self._watch.start()

    async def stop(self) -> None:
        """Report NOT_SERVING, take no new calls, let running ones end within `grace_s`, then cancel them."""
        server, self._server = self._server, None
        if server is None:
            return
        await self._health.enter_graceful_shutdown()
        await self._watch.stop()
        await server.stop(self._grace_s)

    async def _watch_readiness(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await pause(stop, LOOK_EVERY_S if self._is_ready else LOOK_AGAIN_S)
            await self._look()

    async def _look(self, *, is_starting: bool = False) -> None:
        """Run the readiness checks and report a change; a check that raises is a defect and counts as not ready.

        While starting, not being ready is not logged as a warning.
        """
        if self._ready is None:
            return
        reasons: Mapping[str, str] = {}
        was_ready, self._is_ready = self._is_ready, False
        try:
            reasons = {name: reason for name, reason in (await self._ready()).items() if reason != "ok"}
            self._is_ready = not reasons
        finally:
            if self._is_ready != was_ready:
                write = log.info if self._is_ready or is_starting else log.warning
                write("readiness_changed", server=self.name, ready=self._is_ready, reasons=reasons)
                await self._report()

    async def _report(self) -> None:
        status = (
            health_pb2.HealthCheckResponse.SERVING if self._is_ready else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in (health.OVERALL_HEALTH, *self._services):
            await self._health.set(service, status)
