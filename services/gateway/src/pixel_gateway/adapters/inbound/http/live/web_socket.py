"""One WebSocket from its opening request to its close."""

from __future__ import annotations

from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar import WebSocket
from pixel_rpc import Caller, calling_as

from pixel_gateway.adapters.inbound.http.live.connection_monitor import Ending, StreamConnection
from pixel_gateway.adapters.inbound.http.live.stream_limits import StreamLimits, StreamsFull, TooManyStreams
from pixel_gateway.adapters.inbound.http.routing.parameters import Parameter, Query
from pixel_gateway.adapters.inbound.http.routing.request import request_id_of, single_fields
from pixel_gateway.adapters.inbound.http.security.credentials import (
    SOCKET_PROTOCOL,
    refuse_token_in_address,
    require_principal,
    socket_secret_in,
    ticket_in,
)
from pixel_gateway.adapters.inbound.http.security.tickets import user_of_ticket
from pixel_gateway.adapters.inbound.http.server.outer_middleware import refuse_opening

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from pixel_gateway.application import Application

NORMAL, GOING_AWAY, TRY_AGAIN = 1000, 1001, 1013

Socket = WebSocket[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class OpenedSocket:
    """The subscription of a client, and its encoding."""

    caller: Caller
    updates: AsyncGenerator[Any, None]
    message: Callable[[Any], dict[str, Any]]
    resume_id: Callable[[Any], str]


class SocketStream:
    """Sends updates to one client."""

    __slots__ = ("_connection", "_limits", "_opened", "_resume_id", "application", "socket")

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        state = socket.app.state
        self.application: Application = state.application
        self._limits: StreamLimits = state.stream_limits
        self._opened: OpenedSocket | None = None
        self._connection: StreamConnection | None = None
        self._resume_id = ""

    def take(self, update: Any) -> bool:
        """Send at once, or return False when it must be queued."""
        opened, connection = self._opened, self._connection
        if connection is None or opened is None or not connection.send_now(opened.message(update)):
            return False
        self._resume_id = opened.resume_id(update)
        return True

    def opening(self, *parameters: Parameter[Any]) -> tuple[Query, dict[str, str]]:
        """Return query and header fields of the opening request; raise their errors."""
        query_string = self.socket.scope["query_string"]
        refuse_token_in_address(query_string)
        query = Query(query_string, tuple(each.name for each in parameters))
        return query, single_fields(self.socket.scope["headers"])

    async def caller(self, fields: dict[str, str], generation_id: str) -> Caller:
        """Return the principal of the opening request; raise KeyRefused or TicketRefused."""
        secret, ticket = socket_secret_in(fields), ticket_in(self.socket.scope["query_string"])
        if ticket and not secret:
            user_id = await user_of_ticket(self.application, ticket, generation_id)
        else:
            user_id = (await require_principal(secret, self.application)).user_id
        return Caller(user_id=user_id, request_id=request_id_of(self.socket.scope))

    async def run(self, opening: Callable[[SocketStream], Awaitable[OpenedSocket]]) -> None:
        """Accept the opening request, then send until the stream ends or the client disconnects."""
        socket = self.socket
        with ExitStack() as held:
            try:
                opened = self._opened = await opening(self)
                held.enter_context(self._limits.opened(opened.caller.user_id, "websocket"))
                held.enter_context(calling_as(opened.caller))
                first = await anext(opened.updates)
            except (TooManyStreams, StreamsFull) as error:
                await _accept(socket)
                await socket.send(_close(TRY_AGAIN, error.detail))
                return
            except Exception as error:  # noqa: BLE001  rendered as the answer to the opening request
                await refuse_opening(error, socket.scope, socket.send)
                return
            await _accept(socket)
            connection = StreamConnection("websocket", socket.scope, socket.send)
            sending = self._send_all(connection, first, opened)
            await connection.run(self._limits.monitor, sending, _client_left(socket))
            if connection.ending is Ending.STALLED:
                await connection.send_last(_close(TRY_AGAIN, f"too slow; resume with after={self._resume_id}"))

    async def _send_all(self, connection: StreamConnection, first: Any, opened: OpenedSocket) -> None:
        async with aclosing(opened.updates) as updates:
            await self._send(connection, first, opened)
            self._connection = connection
            async for update in updates:
                await self._send(connection, update, opened)
        if self.application.live.streams_are_closing():
            await connection.send(_close(GOING_AWAY, f"going away; resume with after={self._resume_id}"))
        else:
            await connection.send(_close(NORMAL, "ended"))

    async def _send(self, connection: StreamConnection, update: Any, opened: OpenedSocket) -> None:
        await connection.send(opened.message(update))
        self._resume_id = opened.resume_id(update) or self._resume_id


async def _accept(socket: Socket) -> None:
    offered = single_fields(socket.scope["headers"]).get("sec-websocket-protocol", "")
    protocol = SOCKET_PROTOCOL if offered.split(",")[0].strip() == SOCKET_PROTOCOL else None
    headers = [(b"x-request-id", request_id_of(socket.scope).encode())]
    await socket.send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})


def _close(code: int, reason: str) -> Any:
    return {"type": "websocket.close", "code": code, "reason": reason}


async def _client_left(socket: Socket) -> None:
    """Read until the client closes; discard its messages."""
    while True:
        message: Any = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
