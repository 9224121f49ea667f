"""Progress as a WebSocket: /api/processing/{id}/status."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import WebSocket
from litestar.handlers import WebsocketRouteHandler
from pixel_rpc import Caller, calling_as

from pixel_gateway.adapters.inbound.http.authentication import SOCKET_PROTOCOL, require_user, socket_secret_in
from pixel_gateway.adapters.inbound.http.doors import header_map, require_id
from pixel_gateway.adapters.inbound.http.edge import check_head, request_id_of
from pixel_gateway.adapters.inbound.http.errors import MalformedRequest, problem
from pixel_gateway.adapters.inbound.http.generations import MAX_SEQUENCE
from pixel_gateway.adapters.inbound.http.open_streams import StreamsFull, TooManyStreams
from pixel_gateway.adapters.inbound.http.query import Query
from pixel_gateway.adapters.inbound.http.streams import STALLED_S, last_event_id
from pixel_gateway.adapters.inbound.http.views import event_name, socket_update
from pixel_gateway.application.live import Update, UpdateKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pixel_gateway.adapters.inbound.http.hosts import AllowedHosts
    from pixel_gateway.adapters.inbound.http.open_streams import OpenStreams
    from pixel_gateway.adapters.inbound.http.reply import Reply
    from pixel_gateway.application import Application
    from pixel_gateway.domain.generation import Progress

PATH = "/api/processing/{id:str}/status"
NORMAL, GOING_AWAY, TRY_AGAIN = 1000, 1001, 1013

_TOKEN_NAMES = frozenset({"token", "access_token", "api_key", "apikey", "key", "authorization"})
_encoder = msgspec.json.Encoder()

Socket = WebSocket[Any, Any, Any]


def progress_socket(app: Application, open_streams: OpenStreams, hosts: AllowedHosts) -> WebsocketRouteHandler:
    """Return the route of the socket."""

    async def follow(socket: Socket) -> None:
        with ExitStack() as held:
            try:
                wanted = await _read_opening(app, socket, hosts)
                held.enter_context(open_streams.opened(wanted.who.user_id, "websocket"))
                held.enter_context(calling_as(wanted.who))
                updates = app.hub.watch(wanted.who.user_id, wanted.generation_id, wanted.after)
                first = await anext(updates)
            except (TooManyStreams, StreamsFull) as error:
                await _accept(socket)
                await _close(socket, TRY_AGAIN, error.detail)
                return
            except Exception as error:  # noqa: BLE001  rendered as the answer to the opening request
                await _refuse(socket, problem(error, request_id_of(socket.scope)))
                return
            async with aclosing(updates):
                await _accept(socket)
                await _send_while_connected(socket, first, updates, app)

    handler = WebsocketRouteHandler(PATH, name="progress socket")
    return handler(follow)


@dataclass(frozen=True)
class _Wanted:
    """What an opening request asks for."""

    who: Caller
    generation_id: str
    after: int | None


async def _read_opening(app: Application, socket: Socket, hosts: AllowedHosts) -> _Wanted:
    check_head(socket.scope, hosts)
    headers = header_map(socket.scope["headers"])
    _refuse_token_in_address(socket.scope["query_string"])
    user_id = await require_user(socket_secret_in(headers), app.authenticator)
    generation_id = require_id("gen", str(socket.scope["path_params"]["id"]))
    after = Query(socket.scope["query_string"], ("after",)).whole("after", default=-1, least=0, most=MAX_SEQUENCE)
    resume = last_event_id(headers)
    if resume is None and after >= 0:
        resume = after
    return _Wanted(Caller(user_id=user_id, request_id=request_id_of(socket.scope)), generation_id, resume)


async def _accept(socket: Socket) -> None:
    offered = header_map(socket.scope["headers"]).get("sec-websocket-protocol", "")
    protocol = SOCKET_PROTOCOL if offered.split(",")[0].strip() == SOCKET_PROTOCOL else None
    headers = [(b"x-request-id", request_id_of(socket.scope).encode())]
    await socket.send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})


async def _send_while_connected(
    socket: Socket, first: Update, updates: AsyncGenerator[Update, None], app: Application
) -> None:
    sender = asyncio.create_task(_send_all(socket, first, updates, app), name="progress socket")
    leaver = asyncio.create_task(_client_left(socket), name="progress socket client")
    try:
        await asyncio.wait({sender, leaver}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sender.cancel()
        leaver.cancel()
        await asyncio.gather(sender, leaver, return_exceptions=True)


async def _send_all(socket: Socket, first: Update, updates: AsyncGenerator[Update, None], app: Application) -> None:
    """Send until the generation ends; a client that stalls is cut with the sequence to resume from."""
    sequence = 0
    try:
        await _send(socket, first)
        sequence = first.progress.sequence
        if not first.progress.status.is_final:
            async for update in updates:
                await _send(socket, update)
                sequence = update.progress.sequence
    except TimeoutError:
        await _close(socket, TRY_AGAIN, f"too slow; resume with after={sequence}")
        return
    if app.hub.is_closing:
        await _close(socket, GOING_AWAY, f"going away; resume with after={sequence}")
    else:
        await _close(socket, NORMAL, "ended")


async def _send(socket: Socket, update: Update) -> None:
    async with asyncio.timeout(STALLED_S):
        await socket.send({"type": "websocket.send", "bytes": None, "text": _text(update.progress, update.kind)})


@lru_cache(maxsize=4096)
def _text(event: Progress, kind: UpdateKind) -> str:
    name = event_name(event) if kind is UpdateKind.EVENT else str(kind)
    return _encoder.encode(socket_update(event, name)).decode()


async def _close(socket: Socket, code: int, reason: str) -> None:
    await socket.send({"type": "websocket.close", "code": code, "reason": reason})


async def _client_left(socket: Socket) -> None:
    """Read until the client closes; what it sends has no meaning here and is dropped."""
    while True:
        message: Any = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


async def _refuse(socket: Socket, reply: Reply) -> None:
    """Answer the opening request with the problem, or close with its status where the server cannot do that."""
    if "websocket.http.response" not in (socket.scope.get("extensions") or {}):
        await _close(socket, 4000 + reply.status, "refused")
        return
    headers = [*reply.headers, (b"x-request-id", request_id_of(socket.scope).encode())]
    start: Any = {"type": "websocket.http.response.start", "status": reply.status, "headers": headers}
    body: Any = {"type": "websocket.http.response.body", "body": reply.body, "more_body": False}
    await socket.send(start)
    await socket.send(body)


def _refuse_token_in_address(query_string: bytes) -> None:
    names = {pair.partition(b"=")[0].decode("latin-1").lower() for pair in query_string.split(b"&")}
    if names & _TOKEN_NAMES or b"pxl_" in query_string:
        raise MalformedRequest("A key in the address ends up in logs; send it in a header.", reason="TOKEN_IN_ADDRESS")
