"""Encoding of updates. One event goes to all its watchers in succession, so it is encoded once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from websockets.frames import Frame, Opcode

from pixel_gateway.adapters.inbound.http.api.generations.presenters import event_name, event_view
from pixel_gateway.adapters.inbound.http.live.schemas import (
    ChannelEvent,
    ChannelSnapshot,
    ChannelUpdateView,
    ProcessingUpdate,
)
from pixel_gateway.application.live.hub import Update, UpdateKind
from pixel_gateway.domain.generation import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixel_gateway.application.live.user_channel import ChannelUpdate
    from pixel_gateway.domain.generation import Progress

_encoder = msgspec.json.Encoder()
_SOCKET_STATUS = {Status.COMPLETED: "complete", Status.CANCELLED: "failed"}


class EncodedOnce:
    """Encodes an update, and reuses the result for the next watcher of the same event."""

    __slots__ = ("_encode", "_encoded", "_event", "_kind")

    def __init__(self, encode: Callable[[Update], Any]) -> None:
        self._encode = encode
        self._event: Progress | None = None
        self._kind: UpdateKind | None = None
        self._encoded: Any = None

    def __call__(self, update: Update) -> Any:
        if update.progress is not self._event or update.kind is not self._kind:
            self._encoded = self._encode(update)
            self._event, self._kind = update.progress, update.kind
        return self._encoded


def sse_message(data: bytes) -> dict[str, Any]:
    """Return a part of a stream to send. `frame` is its bytes on the connection, the same for every client."""
    chunk = b"%x\r\n%s\r\n" % (len(data), data)
    return {"type": "http.response.body", "body": data, "more_body": True, "frame": chunk}


def socket_message(text: bytes) -> dict[str, Any]:
    """Return a message of a socket to send. `frame` is its bytes on the connection, the same for every client."""
    frame = Frame(Opcode.TEXT, text).serialize(mask=False)
    return {"type": "websocket.send", "bytes": None, "text": text.decode(), "frame": frame}


def sse_frame(update: Update) -> bytes:
    """Return an update of one generation as a server-sent event; only stored events have an id."""
    event = update.progress
    name = event_name(event) if update.kind is UpdateKind.EVENT else str(update.kind)
    data = _encoder.encode(event_view(event, name))
    if update.kind is UpdateKind.EVENT:
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.sequence, name.encode(), data)
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def socket_text(update: Update) -> bytes:
    """Return an update of one generation as the text of a socket's message."""
    event = update.progress
    return _encoder.encode(socket_update(event, event_name(event) if update.kind is UpdateKind.EVENT else update.kind))


def channel_sse_frame(update: ChannelUpdate) -> bytes:
    """Return an update of the user channel as a server-sent event with its position as id."""
    name = str(update.kind) if update.event is None else event_name(update.event)
    data = _encoder.encode(_channel_body(update, name))
    lines = b"event: %s\ndata: %s\n\n" % (name.encode(), data)
    return b"id: %s\n%s" % (update.position.encode(), lines) if update.position else lines


def channel_socket_text(update: ChannelUpdate) -> bytes:
    """Return an update of the user channel as the text of a socket's message."""
    if update.event is None:
        return _encoder.encode(_channel_body(update, str(update.kind)))
    shown = socket_update(update.event, event_name(update.event))
    fields = {name: getattr(shown, name) for name in shown.__struct_fields__}
    return _encoder.encode(ChannelUpdateView(**fields, position=update.position or None))


def _channel_body(update: ChannelUpdate, name: str) -> ChannelSnapshot | ChannelEvent:
    position = update.position or None
    if update.event is None:
        generations = [event_view(each, name) for each in update.generations]
        return ChannelSnapshot(type=name, position=position, generations=generations, truncated=not update.is_whole)
    shown = event_view(update.event, name)
    return ChannelEvent(**{field: getattr(shown, field) for field in shown.__struct_fields__}, position=position)


@lru_cache(maxsize=4096)
def socket_update(event: Progress, name: str) -> ProcessingUpdate:
    """Return the socket's form of an event."""
    error = event.failure.message if event.failure else None
    if event.status is Status.CANCELLED:
        error = error or "cancelled"
    status = _SOCKET_STATUS.get(event.status, str(event.status))
    return ProcessingUpdate(
        type=status,
        event=name,
        request_id=event.generation_id,
        status=status,
        generation_status=event.status,
        stage=event.stage,
        progress=event.progress,
        message=event.message,
        sequence=event.sequence,
        set_id=event.set_id,
        error=error,
        error_code=event.failure.code if event.failure else None,
        time=event.time,
    )
