"""Connections of streams: sends heartbeats on silent streams, ends those whose clients left or do not read.

One task checks all streams of the process; a stream needs no timer.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pixel_gateway.adapters.inbound.http.server.transport import TRANSPORT
from pixel_gateway.adapters.metrics import CUT_STREAMS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from litestar.types import Scope, Send

HEARTBEAT_S = 10.0
"""Seconds of silence after which a heartbeat is due; it is sent within one more second."""
STALLED_S = 4.0
"""Seconds a client may take to read one message before it is disconnected; it can resume."""
LAST_MESSAGE_S = 1.0
"""Seconds the last message may take; after that the connection is dropped."""

_TICK_S = 1.0
_BUFFERED_BYTES = 16_384
_KERNEL_BYTES = 32_768


class Ending(StrEnum):
    """Why a stream is closed before its end."""

    LEFT = "left"
    STALLED = "stalled"


class StreamConnection:
    """The connection of one stream. Its buffers are small, so that a client that does not read is detected soon."""

    __slots__ = (
        "_heartbeat",
        "_heartbeats",
        "_send",
        "_sending_since",
        "_sent_at",
        "_task",
        "_transport",
        "ending",
        "kind",
    )

    def __init__(self, kind: str, scope: Scope, send: Send, heartbeat: Any = None) -> None:
        self.kind = kind
        self.ending: Ending | None = None
        self._send = send
        self._heartbeat = heartbeat
        self._task: asyncio.Task[Any] | None = None
        self._sending_since = 0.0
        self._sent_at = _now()
        self._heartbeats: asyncio.Task[None] | None = None
        extensions: dict[str, Any] = scope.get("extensions") or {}
        self._transport: asyncio.Transport | None = extensions.get(TRANSPORT)
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=_BUFFERED_BYTES)
            with suppress(OSError):  # the client has left already
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)

    async def send(self, message: Any) -> None:
        """Send; close the connection when that takes too long."""
        self._sending_since = self._sending_since or _now()
        await self._send(message)
        self._sending_since = 0.0
        self._sent_at = _now()

    def send_now(self, message: Any) -> bool:
        """Write the message's `frame` if the client keeps up; return False when the message has to wait."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > _BUFFERED_BYTES // 2:
            return False
        transport.write(message["frame"])
        self._sent_at = _now()
        return True

    async def run(self, monitor: ConnectionMonitor, work: Awaitable[None], leaves: Awaitable[None]) -> None:
        """Return when the work is done or the connection was closed; `ending` is the reason."""
        self._task = asyncio.current_task()
        leaver = asyncio.ensure_future(leaves)
        leaver.add_done_callback(self._left)
        try:
            with monitor.watching(self):
                await work
        except asyncio.CancelledError:
            if self.ending is None or self._task is None:
                raise
            self._task.uncancel()
        finally:
            self._task = None
            leaver.cancel()
            if self._heartbeats is not None:
                self._heartbeats.cancel()

    async def send_last(self, message: Any) -> None:
        """Try to send one more message to a client that does not read, then drop the connection."""
        transport = self._transport
        try:
            async with asyncio.timeout(LAST_MESSAGE_S):
                await self._send(message)
        except (TimeoutError, OSError):
            if transport is not None:
                transport.abort()
            return
        if transport is not None:
            transport.close()
            asyncio.get_running_loop().call_later(LAST_MESSAGE_S, transport.abort)

    def check(self, now: float) -> None:
        """Close the connection if it stalls; send a heartbeat if it is silent."""
        if self._sending_since:
            if now - self._sending_since > STALLED_S:
                self.cut(Ending.STALLED)
        elif self._heartbeat is not None and now - self._sent_at >= HEARTBEAT_S:
            self._heartbeats = asyncio.create_task(self.send(self._heartbeat), name="heartbeat")

    def cut(self, ending: Ending) -> None:
        """End the work, once."""
        if self.ending is None and self._task is not None:
            self.ending = ending
            CUT_STREAMS.labels(self.kind, str(ending)).inc()
            self._task.cancel()

    def _left(self, leaver: asyncio.Future[None]) -> None:
        if not leaver.cancelled():
            leaver.exception()
            self.cut(Ending.LEFT)


class ConnectionMonitor:
    """Checks all open connections about once a second, while there are any."""

    def __init__(self) -> None:
        self._connections: set[StreamConnection] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, connection: StreamConnection) -> Iterator[None]:
        """Check a connection until the block ends."""
        self._connections.add(connection)
        if self._task is None:
            self._task = asyncio.create_task(self._check_all(), name="stream connection monitor")
        try:
            yield
        finally:
            self._connections.discard(connection)
            if not self._connections and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _check_all(self) -> None:
        while True:
            await asyncio.sleep(min(_TICK_S, HEARTBEAT_S / 2))
            now = _now()
            for connection in tuple(self._connections):
                connection.check(now)


def _now() -> float:
    return asyncio.get_running_loop().time()
