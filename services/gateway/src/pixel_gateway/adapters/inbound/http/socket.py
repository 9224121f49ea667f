"""Progress as WebSockets: /api/processing/{id}/status of one generation, /api/events of all of a user."""

from __future__ import annotations

from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar import WebSocket
from litestar.handlers import WebsocketRouteHandler
from pixel_rpc import Caller, calling_as

from pixel_gateway.adapters.inbound.http.authentication import (
    SOCKET_PROTOCOL,
    refuse_token_in_address,
    require_user,
    socket_secret_in,
    ticket_in,
)
from pixel_gateway.adapters.inbound.http.doors import header_map, require_id
from pixel_gateway.adapters.inbound.http.edge import check_head, refuse_opening, request_id_of
from pixel_gateway.adapters.inbound.http.errors import problem
from pixel_gateway.adapters.inbound.http.frames import EncodedOnce, channel_socket_text, socket_message, socket_text
from pixel_gateway.adapters.inbound.http.generations import MAX_SEQUENCE
from pixel_gateway.adapters.inbound.http.open_streams import StreamsFull, TooManyStreams
from pixel_gateway.adapters.inbound.http.pulse import Ending, Line
from pixel_gateway.adapters.inbound.http.query import Query
from pixel_gateway.adapters.inbound.http.streams import last_event_id, position_in
from pixel_gateway.adapters.inbound.http.tickets import user_of_ticket

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from pixel_gateway.adapters.inbound.http.hosts import AllowedHosts
    from pixel_gateway.adapters.inbound.http.open_streams import OpenStreams
    from pixel_gateway.application import Application
    from pixel_gateway.application.live.hub import Update
    from pixel_gateway.application.live.user_channel import ChannelUpdate

NORMAL, GOING_AWAY, TRY_AGAIN = 1000, 1001, 1013

Socket = WebSocket[Any, Any, Any]


def sockets(app: Application, open_streams: OpenStreams, hosts: AllowedHosts) -> list[WebsocketRouteHandler]:
    """Return the routes of the sockets."""
    message = EncodedOnce(lambda update: socket_message(socket_text(update)))

    async def open_one(following: _Following) -> _Opened:
        socket = following.socket
        query, headers = _query(socket, hosts)
        after = query.whole("after", default=-1, least=0, most=MAX_SEQUENCE)
        generation_id = require_id("gen", str(socket.scope["path_params"]["id"]))
        who = await _who(app, socket, headers, generation_id)
        resume = last_event_id(headers)
        if resume is None and after >= 0:
            resume = after
        updates = app.hub.watch(who.user_id, generation_id, resume, sink=following.take)
        return _Opened(who, updates, message, _sequence_of)

    async def open_all(following: _Following) -> _Opened:
        socket = following.socket
        query, headers = _query(socket, hosts)
        after = position_in(headers.get("last-event-id", "") or query.text("after"))
        who = await _who(app, socket, headers, "")
        return _Opened(who, app.channels.watch(who.user_id, after), _channel_message, _position_of)

    async def follow_one(socket: Socket) -> None:
        await _Following(app, open_streams, socket).run(open_one)

    async def follow_all(socket: Socket) -> None:
        await _Following(app, open_streams, socket).run(open_all)

    one = WebsocketRouteHandler("/api/processing/{id:str}/status", name="progress socket")
    every = WebsocketRouteHandler("/api/events", name="events socket")
    return [one(follow_one), every(follow_all)]


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a client follows, and how it is told."""

    who: Caller
    updates: AsyncGenerator[Any, None]
    message: Callable[[Any], dict[str, Any]]
    resume_id: Callable[[Any], str]


class _Following:
    """One socket from its opening request to its close."""

    __slots__ = ("_app", "_line", "_open_streams", "_opened", "_resume_id", "socket")

    def __init__(self, app: Application, open_streams: OpenStreams, socket: Socket) -> None:
        self.socket = socket
        self._app = app
        self._open_streams = open_streams
        self._opened: _Opened | None = None
        self._line: Line | None = None
        self._resume_id = ""

    def take(self, update: Any) -> bool:
        """Send at once, or say that it has to be sent in turn."""
        if self._line is None or self._opened is None or not self._line.send_now(self._opened.message(update)):
            return False
        self._resume_id = self._opened.resume_id(update)
        return True

    async def run(self, opening: Callable[[_Following], Awaitable[_Opened]]) -> None:
        """Answer the opening request, then send until the stream ends or the client leaves."""
        socket = self.socket
        with ExitStack() as held:
            try:
                opened = self._opened = await opening(self)
                held.enter_context(self._open_streams.opened(opened.who.user_id, "websocket"))
                held.enter_context(calling_as(opened.who))
                first = await anext(opened.updates)
            except (TooManyStreams, StreamsFull) as error:
                await _accept(socket)
                await socket.send(_close(TRY_AGAIN, error.detail))
                return
            except Exception as error:  # noqa: BLE001  rendered as the answer to the opening request
                await refuse_opening(problem(error, request_id_of(socket.scope)), socket.scope, socket.send)
                return
            await _accept(socket)
            line = Line("websocket", socket.scope, socket.send)
            await line.carry(self._open_streams.pulse, self._send_all(line, first, opened), _client_left(socket))
            if line.ending is Ending.STALLED:
                await line.last_words(_close(TRY_AGAIN, f"too slow; resume with after={self._resume_id}"))

    async def _send_all(self, line: Line, first: Any, opened: _Opened) -> None:
        async with aclosing(opened.updates) as updates:
            await self._send(line, first, opened)
            self._line = line
            async for update in updates:
                await self._send(line, update, opened)
        if self._app.hub.is_closing:
            await line.send(_close(GOING_AWAY, f"going away; resume with after={self._resume_id}"))
        else:
            await line.send(_close(NORMAL, "ended"))

    async def _send(self, line: Line, update: Any, opened: _Opened) -> None:
        await line.send(opened.message(update))
        self._resume_id = opened.resume_id(update) or self._resume_id


def _channel_message(update: ChannelUpdate) -> dict[str, Any]:
    return socket_message(channel_socket_text(update))


def _sequence_of(update: Update) -> str:
    return str(update.progress.sequence)


def _position_of(update: ChannelUpdate) -> str:
    return update.position


def _query(socket: Socket, hosts: AllowedHosts) -> tuple[Query, dict[str, str]]:
    """Return query and header fields of an opening request that may be looked at."""
    check_head(socket.scope, hosts)
    refuse_token_in_address(socket.scope["query_string"])
    return Query(socket.scope["query_string"], ("after", "ticket")), header_map(socket.scope["headers"])


async def _who(app: Application, socket: Socket, headers: dict[str, str], generation_id: str) -> Caller:
    """Return whom the opening request comes from; raise KeyRefused or TicketRefused."""
    secret, ticket = socket_secret_in(headers), ticket_in(socket.scope["query_string"])
    if ticket and not secret:
        user_id = await user_of_ticket(app, ticket, generation_id)
    else:
        user_id = await require_user(secret, app.authenticator)
    return Caller(user_id=user_id, request_id=request_id_of(socket.scope))


async def _accept(socket: Socket) -> None:
    offered = header_map(socket.scope["headers"]).get("sec-websocket-protocol", "")
    protocol = SOCKET_PROTOCOL if offered.split(",")[0].strip() == SOCKET_PROTOCOL else None
    headers = [(b"x-request-id", request_id_of(socket.scope).encode())]
    await socket.send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})


def _close(code: int, reason: str) -> Any:
    return {"type": "websocket.close", "code": code, "reason": reason}


async def _client_left(socket: Socket) -> None:
    """Read until the client closes; what it sends has no meaning here and is dropped."""
    while True:
        message: Any = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
