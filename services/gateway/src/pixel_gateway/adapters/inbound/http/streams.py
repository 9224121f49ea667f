"""Progress as server-sent events: of one generation, and of all generations of a user."""

from __future__ import annotations

from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Any

from pixel_rpc import Caller, calling_as

from pixel_gateway.adapters.inbound.http import bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter
from pixel_gateway.adapters.inbound.http.frames import EncodedOnce, channel_sse_frame, sse_frame, sse_message
from pixel_gateway.adapters.inbound.http.generations import AFTER, MAX_SEQUENCE
from pixel_gateway.adapters.inbound.http.live_bodies import ChannelEvent
from pixel_gateway.adapters.inbound.http.pulse import Ending, Line
from pixel_gateway.adapters.inbound.http.reply import Reply
from pixel_gateway.application.live.hub import UpdateKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractContextManager
    from typing import Self

    from litestar.types import ASGIApp, Receive, Scope, Send

    from pixel_gateway.adapters.inbound.http.open_streams import OpenStreams
    from pixel_gateway.adapters.inbound.http.pulse import Pulse
    from pixel_gateway.application import Application
    from pixel_gateway.application.live.hub import Update
    from pixel_gateway.application.live.user_channel import ChannelUpdate

MAX_POSITION_CHARS = 100

_RETRY = b"retry: 2000\n\n"
_HEARTBEAT = {"type": "http.response.body", "body": b": heartbeat\n\n", "more_body": True}
_END = {"type": "http.response.body", "body": b"", "more_body": False}
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_TICKET = Parameter("ticket", "A ticket of POST /api/tickets in place of an API key; it works once.")
_LAST_EVENT_ID = Parameter("Last-Event-ID", "As `after`; sent by browsers that reconnect.", place="header")


def doors(app: Application, open_streams: OpenStreams) -> list[Door]:
    """Return the doors of this group."""
    message = EncodedOnce(lambda update: sse_message(sse_frame(update)))

    async def opened(
        call: Call, stream: EventStream, updates: AsyncGenerator[Any, None], is_over: Callable[[Any], bool] = _never
    ) -> ASGIApp:
        with ExitStack() as held:
            held.enter_context(open_streams.opened(call.user_id, "sse"))
            first = await anext(updates)
            if is_over(first):
                await updates.aclose()
                return Reply(204, b"", [(b"cache-control", b"no-store")])
            return stream.opened(first, updates, held.pop_all())

    async def generation_events(call: Call) -> ASGIApp:
        query_after = call.query("after", "ticket").whole("after", default=-1, least=0, most=MAX_SEQUENCE)
        seen = last_event_id(call.headers)
        after = query_after if seen is None and query_after >= 0 else seen
        generation_id = call.id_in_path("gen")
        if call.scope["method"] == "HEAD":
            await app.view_progress(call.user_id, generation_id)
            return Reply(200, b"", _HEADERS)
        stream = EventStream(message, call, open_streams.pulse)
        updates = app.hub.watch(call.user_id, generation_id, after, sink=stream.take)
        return await opened(call, stream, updates, lambda first: _saw_the_end(first, seen))

    async def all_events(call: Call) -> ASGIApp:
        after = position_in(call.headers.get("last-event-id", "") or call.query("after", "ticket").text("after"))
        if call.scope["method"] == "HEAD":
            return Reply(200, b"", _HEADERS)
        stream = EventStream(_channel_message, call, open_streams.pulse)
        return await opened(call, stream, app.channels.watch(call.user_id, after))

    return [
        Door(
            "GET",
            "/api/generations/{id:str}/events",
            generation_events,
            "Follow a generation live",
            {
                200: Answer(
                    "Server-sent events. The first is `snapshot` (or, when resuming, the events that were missed); "
                    "then `progress` and one of `completed`, `failed`, `cancelled`, after which the stream closes. "
                    "Stored events have their sequence as `id`. `resync` is a snapshot for a resume id that is not "
                    "known.",
                    bodies.ProgressEvent,
                    content_type="text/event-stream",
                    example='id: 3\nevent: progress\ndata: {"type":"progress","sequence":3,"progress":50}\n\n',
                ),
                204: Answer("A browser came again after the end; it stops when it is told so."),
            },
            parameters=(AFTER, _LAST_EVENT_ID, _TICKET),
            takes_tickets=True,
        ),
        Door(
            "GET",
            "/api/events",
            all_events,
            "Follow all your generations live",
            {
                200: Answer(
                    "Server-sent events of all your generations in the order they were stored, each with its position "
                    "as `id`. The first is `snapshot`, your generations that have not ended (or, when resuming, the "
                    "events that were missed). `resync` is a snapshot for a position that is not known or too old. "
                    "The stream does not end by itself.",
                    ChannelEvent,
                    content_type="text/event-stream",
                    example='id: 7431.0199.3\nevent: progress\ndata: {"type":"progress","sequence":3}\n\n',
                )
            },
            parameters=(
                Parameter("after", "The last position you saw; the stream goes on after it."),
                _LAST_EVENT_ID,
                _TICKET,
            ),
            takes_tickets=True,
        ),
    ]


class EventStream:
    """An open stream; its client reads at its own pace, the encoded events are shared."""

    __slots__ = ("_first", "_held", "_line", "_message", "_pulse", "_updates", "_who")

    def __init__(self, message: Callable[[Any], dict[str, Any]], call: Call, pulse: Pulse) -> None:
        self._message = message
        self._who = Caller(user_id=call.user_id, request_id=call.request_id)
        self._pulse = pulse
        self._line: Line | None = None

    def opened(self, first: Any, updates: AsyncGenerator[Any, None], held: AbstractContextManager[object]) -> Self:
        """Give what to send and what to hold until the end."""
        self._first = first
        self._updates = updates
        self._held = held
        return self

    def take(self, update: Any) -> bool:
        """Send at once, or say that it has to be sent in turn."""
        return self._line is not None and self._line.send_now(self._message(update))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the stream ends, the client goes away or stalls, or the process stops."""
        line = Line("sse", scope, send, _HEARTBEAT)
        with self._held, calling_as(self._who):
            await line.carry(self._pulse, self._send_all(line), _client_left(receive))
            if line.ending is Ending.STALLED:
                await line.last_words(_END)

    async def _send_all(self, line: Line) -> None:
        async with aclosing(self._updates) as updates:
            await line.send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await line.send({"type": "http.response.body", "body": _RETRY, "more_body": True})
            await line.send(self._message(self._first))
            self._line = line
            async for update in updates:
                await line.send(self._message(update))
            await line.send(_END)


def _channel_message(update: ChannelUpdate) -> dict[str, Any]:
    return sse_message(channel_sse_frame(update))


def _never(_first: Any) -> bool:
    return False


def _saw_the_end(first: Update, seen: int | None) -> bool:
    """Tell whether a browser that connects again by itself has been told the end: it would come for ever."""
    return first.kind is UpdateKind.SNAPSHOT and first.progress.status.is_final and seen == first.progress.sequence


def last_event_id(headers: dict[str, str]) -> int | None:
    """Return the sequence a client resumes from; one that cannot be ours asks for a resync (-1)."""
    text = headers.get("last-event-id", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004
        return -1
    return int(text)


def position_in(text: str) -> str | None:
    """Return the position a client resumes from; one that cannot be ours asks for a resync (empty)."""
    if not text:
        return None
    is_ours = len(text) <= MAX_POSITION_CHARS and set(text) <= set("0123456789abcdef.")
    return text if is_ours else ""


async def _client_left(receive: Receive) -> None:
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            return
