"""Progress as server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, aclosing
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from pixel_rpc import Caller, calling_as

from pixel_gateway.adapters.inbound.http import bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter
from pixel_gateway.adapters.inbound.http.generations import AFTER, MAX_SEQUENCE
from pixel_gateway.adapters.inbound.http.reply import Reply
from pixel_gateway.adapters.inbound.http.views import event_name, event_view
from pixel_gateway.application.live import Update, UpdateKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractContextManager

    from litestar.types import ASGIApp, Receive, Scope, Send

    from pixel_gateway.adapters.inbound.http.open_streams import OpenStreams
    from pixel_gateway.application import Application
    from pixel_gateway.domain.generation import Progress

HEARTBEAT_S = 15.0
STALLED_S = 30.0
"""Seconds a client may take to read one message before it is cut; it resumes where it was."""

_RETRY = b"retry: 2000\n\n"
_HEARTBEAT = b": heartbeat\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_encoder = msgspec.json.Encoder()


def doors(app: Application, open_streams: OpenStreams) -> list[Door]:
    """Return the doors of this group."""

    async def events(call: Call) -> ASGIApp:
        query_after = call.query("after").whole("after", default=-1, least=0, most=MAX_SEQUENCE)
        after = last_event_id(call.headers)
        if after is None and query_after >= 0:
            after = query_after
        generation_id = call.id_in_path("gen")
        if call.scope["method"] == "HEAD":
            await app.view_progress(call.user_id, generation_id)
            return Reply(200, b"", _HEADERS)
        with ExitStack() as held:
            held.enter_context(open_streams.opened(call.user_id, "sse"))
            updates = app.hub.watch(call.user_id, generation_id, after)
            first = await anext(updates)
            who = Caller(user_id=call.user_id, request_id=call.request_id)
            return EventStream(first, updates, who, held.pop_all())

    return [
        Door(
            "GET",
            "/api/generations/{id:str}/events",
            events,
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
                )
            },
            parameters=(
                AFTER,
                Parameter("Last-Event-ID", "As `after`; sent by browsers that reconnect.", place="header"),
            ),
        )
    ]


class EventStream:
    """An open stream; each watcher is its own, the encoded events are shared."""

    def __init__(
        self, first: Update, updates: AsyncGenerator[Update, None], who: Caller, held: AbstractContextManager[object]
    ) -> None:
        self._first = first
        self._updates = updates
        self._who = who
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI
        """Send until the generation ends, the client goes away or stalls, or the process stops."""
        with self._held:
            await self._send_while_read(receive, send)

    async def _send_while_read(self, receive: Receive, send: Send) -> None:
        sender = asyncio.create_task(self._send_all(send), name="event stream")
        leaver = asyncio.create_task(_client_left(receive), name="event stream client")
        try:
            await asyncio.wait({sender, leaver}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sender.cancel()
            leaver.cancel()
            outcomes = await asyncio.gather(sender, leaver, return_exceptions=True)
        if isinstance(outcomes[0], Exception) and not isinstance(outcomes[0], TimeoutError | OSError):
            raise outcomes[0]

    async def _send_all(self, send: Send) -> None:
        with calling_as(self._who):
            await self._send_updates(send)

    async def _send_updates(self, send: Send) -> None:
        async with aclosing(self._updates) as updates:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await _send_chunk(send, _RETRY + frame(self._first))
            if not self._first.progress.status.is_final:
                async for update in with_heartbeats(updates, HEARTBEAT_S):
                    await _send_chunk(send, _HEARTBEAT if update is None else frame(update))
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def with_heartbeats(updates: AsyncGenerator[Update, None], every_s: float) -> AsyncGenerator[Update | None, None]:
    """Yield the updates, and None whenever nothing came for a while."""
    pending: asyncio.Task[Update] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(updates))
            done, _ = await asyncio.wait({pending}, timeout=every_s)
            if not done:
                yield None
                continue
            try:
                update = pending.result()
            except StopAsyncIteration:
                return
            finally:
                pending = None
            yield update
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)


def frame(update: Update) -> bytes:
    """Return an update in the form of the wire."""
    if update.kind is UpdateKind.EVENT:
        return _event_frame(update.progress)
    data = _encoder.encode(event_view(update.progress, str(update.kind)))
    return b"event: %s\ndata: %s\n\n" % (update.kind.encode(), data)


@lru_cache(maxsize=4096)
def _event_frame(event: Progress) -> bytes:
    name = event_name(event)
    data = _encoder.encode(event_view(event, name))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.sequence, name.encode(), data)


def last_event_id(headers: dict[str, str]) -> int | None:
    """Return the sequence a client resumes from; one that cannot be ours asks for a resync (-1)."""
    text = headers.get("last-event-id", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004
        return -1
    return int(text)


async def _send_chunk(send: Send, chunk: bytes) -> None:
    async with asyncio.timeout(STALLED_S):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _client_left(receive: Receive) -> None:
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            return
