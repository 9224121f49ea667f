"""The server's end: a part that serves, tells its health, answers reflection, and stops gracefully."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from pixel_rpc.server_interceptor import CallInterceptor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_METADATA_BYTES = 64 * 1024  # an error with all its violations
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
    ) -> None:
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

    async def start(self) -> None:
        """Bind, serve and report SERVING; raise RuntimeError when the port cannot be bound."""
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
        await server.start()
        self._server = server
        self.address = f"{self.address.rpartition(':')[0]}:{port}"
        for service in self._services:
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Report NOT_SERVING, take no new calls, let running ones end within `grace_s`, then cancel them."""
        server, self._server = self._server, None
        if server is None:
            return
        await self._health.enter_graceful_shutdown()
        await server.stop(self._grace_s)
