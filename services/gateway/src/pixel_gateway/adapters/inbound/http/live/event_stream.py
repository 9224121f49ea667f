"""A response of server-sent events. Clients read at their own pace; encoded events are shared by all clients."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from litestar import Response

from pixel_gateway.adapters.inbound.http.live.connection_monitor import Ending, StreamConnection
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from litestar.response.base import ASGIResponse
    from litestar.types import Receive, Scope, Send

    from pixel_gateway.adapters.inbound.http.live.connection_monitor import ConnectionMonitor

SSE_TYPE = "text/event-stream"
_FIELDS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", SSE_TYPE.encode()), *((k.encode(), v.encode()) for k, v in _FIELDS.items())],
}
_RETRY = {"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True}
_HEARTBEAT = {"type": "http.response.body", "body": b": heartbeat\n\n", "more_body": True}
_END = {"type": "http.response.body", "body": b"", "more_body": False}


def head_of_stream() -> JsonResponse[bytes]:
    """Return the response to HEAD."""
    return JsonResponse(b"", media_type=SSE_TYPE, headers=_FIELDS)


class EventStream(Response[Any]):
    """An open stream.

    Litestar's ServerSentEvent would encode each event for each client and start tasks for each; here a client that
    keeps up is written to directly, with the bytes that every other client gets.
    """

    __slots__ = ("_connection", "_first", "_message", "_monitor", "_updates")

    def __init__(self, message: Callable[[Any], dict[str, Any]], monitor: ConnectionMonitor) -> None:
        # The base class is not initialised: thousands may be open, and none has cookies, encoders or a body.
        self._message = message
        self._monitor = monitor
        self._connection: StreamConnection | None = None

    def start(self, first: Any, updates: AsyncGenerator[Any, None]) -> EventStream:
        """Set the source of the updates."""
        self._first = first
        self._updates = updates
        return self

    def take(self, update: Any) -> bool:
        """Send at once, or return False when it must be queued."""
        return self._connection is not None and self._connection.send_now(self._message(update))

    def to_asgi_response(self, *_args: Any, **_defaults: Any) -> ASGIResponse:
        """Return the ASGI application, which is the response itself."""
        return cast("ASGIResponse", self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the stream ends, the client disconnects or stalls, or the process stops."""
        connection = StreamConnection("sse", scope, send, _HEARTBEAT)
        await connection.run(self._monitor, self._send_all(connection), _client_left(receive))
        if connection.ending is Ending.STALLED:
            await connection.send_last(_END)

    async def _send_all(self, connection: StreamConnection) -> None:
        async with aclosing(self._updates) as updates:
            await connection.send({**_START})
            await connection.send(_RETRY)
            await connection.send(self._message(self._first))
            self._connection = connection
            async for update in updates:
                await connection.send(self._message(update))
            await connection.send(_END)


async def _client_left(receive: Receive) -> None:
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            return
