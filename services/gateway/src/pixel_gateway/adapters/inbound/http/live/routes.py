"""Endpoints of live progress: server-sent events, WebSockets, and the tickets that open them in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Controller, Response, websocket
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from pixel_gateway.adapters.inbound.http.api.generations.parameters import AFTER
from pixel_gateway.adapters.inbound.http.api.generations.schemas import ProgressEvent
from pixel_gateway.adapters.inbound.http.live.encoding import (
    EncodedOnce,
    channel_socket_text,
    channel_sse_frame,
    socket_message,
    socket_text,
    sse_frame,
    sse_message,
)
from pixel_gateway.adapters.inbound.http.live.event_stream import SSE_TYPE, EventStream, head_of_stream
from pixel_gateway.adapters.inbound.http.live.schemas import ChannelEvent, CreateTicketBody, TicketView
from pixel_gateway.adapters.inbound.http.live.web_socket import OpenedSocket, Socket, SocketStream
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, get, post
from pixel_gateway.adapters.inbound.http.routing.parameters import TICKET, IdInPath, text
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.adapters.metrics import TICKETS
from pixel_gateway.application.live.hub import UpdateKind
from pixel_gateway.application.live.tickets import CreateTicket
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from pixel_gateway.adapters.inbound.http.live.stream_limits import StreamLimits
    from pixel_gateway.application.live.hub import Update
    from pixel_gateway.application.live.user_channel import ChannelUpdate

MAX_POSITION_CHARS = 100

LAST_EVENT_ID = text("Last-Event-ID", "As `after`; sent by browsers that reconnect.", place="header")
AFTER_POSITION = text("after", "The last received position; the stream continues after it.")

_sse_update = EncodedOnce(lambda update: sse_message(sse_frame(update)))
_socket_update = EncodedOnce(lambda update: socket_message(socket_text(update)))


class EventStreams(Controller):
    """Progress as server-sent events."""

    tags = ("generations",)

    @get(
        "/api/generations/{id:str}/events",
        load_class=LoadClass.STATUS,
        summary="Follow a generation by server-sent events",
        answer=ResponseSpec(
            ProgressEvent,
            media_type=SSE_TYPE,
            examples=[
                Example(value='id: 3\nevent: progress\ndata: {"type":"progress","sequence":3,"progress":50}\n\n')
            ],
            description="Server-sent events. The first is `snapshot` (or, when resuming, the missed events); "
            "then `progress` and one of `completed`, `failed`, `cancelled`, after which the stream closes. "
            "Stored events have their sequence as `id`. `resync` is a snapshot for an unknown resume id.",
        ),
        responses={204: ResponseSpec(None, description="A browser reconnected after the end; this response stops it.")},
        parameters=(AFTER, LAST_EVENT_ID, TICKET),
    )
    async def generation_events(self, request: Request, generation_id: IdInPath) -> Response[Any]:
        query_after = request.query[AFTER]
        seen = last_event_id(request.fields)
        after = query_after if seen is None and query_after >= 0 else seen
        require_id("gen", generation_id)
        if request.method == "HEAD":
            await request.application.generations.view_progress(request.user_id, generation_id)
            return head_of_stream()
        stream = EventStream(_sse_update, _limits(request).monitor)
        watch = request.application.live.watch_generation
        updates = watch(request.user_id, generation_id, after, sink=stream.take)
        return await _opened(request, stream, updates, lambda first: _saw_the_end(first, seen))

    @get(
        "/api/events",
        load_class=LoadClass.STATUS,
        summary="Follow all your generations by server-sent events",
        answer=ResponseSpec(
            ChannelEvent,
            media_type=SSE_TYPE,
            examples=[Example(value='id: 7431.0199.3\nevent: progress\ndata: {"type":"progress","sequence":3}\n\n')],
            description="Server-sent events of all your generations in the order they were stored, each with its "
            "position as `id`. The first is `snapshot`, your open generations (or, when resuming, the "
            "events that were missed). `resync` is a snapshot for an unknown or too old position. "
            "The stream does not end by itself.",
        ),
        parameters=(AFTER_POSITION, LAST_EVENT_ID, TICKET),
    )
    async def all_events(self, request: Request) -> Response[Any]:
        after = position_in(request.fields.get("last-event-id", "") or request.query[AFTER_POSITION])
        if request.method == "HEAD":
            return head_of_stream()
        stream = EventStream(_channel_sse, _limits(request).monitor)
        return await _opened(request, stream, request.application.live.watch_user(request.user_id, after))


class Tickets(Controller):
    """Tickets: browsers open streams by URL, and an API key in a URL would be logged."""

    tags = ("generations",)

    @post(
        "/api/tickets",
        load_class=LoadClass.STATUS,
        status=201,
        summary="Create a ticket for a stream",
        answer="The ticket: add `?ticket=…` to the URL of one stream within 60 seconds.",
        description="For browsers, which cannot send an API key with EventSource. It works once.",
        ignores_query=True,
        example={},
    )
    async def create_ticket(self, request: Request, data: JsonBody[CreateTicketBody]) -> TicketView:
        generation_id = "" if data.generation_id is None else require_id("gen", data.generation_id)
        ticket, secret = await request.application.live.create_ticket(CreateTicket(request.user_id, generation_id))
        TICKETS.labels("made").inc()
        return TicketView(ticket=secret, expires_at=ticket.expire_time)


class Sockets(Controller):
    """Progress as WebSockets. They count as streams, not as requests; the opening request authenticates."""

    @websocket("/api/processing/{id:str}/status")
    async def follow_generation(self, socket: Socket, generation_id: IdInPath) -> None:
        async def opening(stream: SocketStream) -> OpenedSocket:
            query, fields = stream.opening(AFTER, TICKET)
            after = query[AFTER]
            require_id("gen", generation_id)
            caller = await stream.caller(fields, generation_id)
            resume = last_event_id(fields)
            if resume is None and after >= 0:
                resume = after
            watch = stream.application.live.watch_generation
            updates = watch(caller.user_id, generation_id, resume, sink=stream.take)
            return OpenedSocket(caller, updates, _socket_update, _sequence_of)

        await SocketStream(socket).run(opening)

    @websocket("/api/events")
    async def follow_user(self, socket: Socket) -> None:
        await SocketStream(socket).run(_open_channel)


async def _open_channel(stream: SocketStream) -> OpenedSocket:
    query, fields = stream.opening(AFTER_POSITION, TICKET)
    after = position_in(fields.get("last-event-id", "") or query[AFTER_POSITION])
    caller = await stream.caller(fields, "")
    updates = stream.application.live.watch_user(caller.user_id, after)
    return OpenedSocket(caller, updates, _channel_socket, _position_of)


async def _opened(
    request: Request,
    stream: EventStream,
    updates: AsyncGenerator[Any, None],
    is_over: Callable[[Any], bool] | None = None,
) -> Response[Any]:
    held = request.scope["state"]["held"]
    held.enter_context(_limits(request).opened(request.user_id, "sse"))
    first = await anext(updates)
    if is_over is not None and is_over(first):
        await updates.aclose()
        return JsonResponse(None, status_code=204)
    request.forget_fields()
    return stream.start(first, updates)


def _limits(request: Request) -> StreamLimits:
    limits: StreamLimits = request.app.state.stream_limits
    return limits


def _channel_sse(update: ChannelUpdate) -> dict[str, Any]:
    return sse_message(channel_sse_frame(update))


def _channel_socket(update: ChannelUpdate) -> dict[str, Any]:
    return socket_message(channel_socket_text(update))


def _sequence_of(update: Update) -> str:
    return str(update.progress.sequence)


def _position_of(update: ChannelUpdate) -> str:
    return update.position


def _saw_the_end(first: Update, seen: int | None) -> bool:
    """Return whether a reconnecting browser has received the end: otherwise it would reconnect forever."""
    return first.kind is UpdateKind.SNAPSHOT and first.progress.status.is_final and seen == first.progress.sequence


def last_event_id(fields: dict[str, str]) -> int | None:
    """Return the sequence a client resumes from; an invalid one requests a resync (-1)."""
    value = fields.get("last-event-id", "")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 20):  # noqa: PLR2004
        return -1
    return int(value)


def position_in(value: str) -> str | None:
    """Return the position a client resumes from; an invalid one requests a resync (empty)."""
    if not value:
        return None
    is_ours = len(value) <= MAX_POSITION_CHARS and set(value) <= set("0123456789abcdef.")
    return value if is_ours else ""
