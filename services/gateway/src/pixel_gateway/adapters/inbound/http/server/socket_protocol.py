"""uvicorn's WebSocket protocol: refused openings, malformed frames, vanished peers, messages framed once.

The overridden members are internal to uvicorn; see `http_protocol`.
"""

from __future__ import annotations

from typing import Any, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from pixel_gateway.adapters.inbound.http.server.transport import TRANSPORT
from pixel_gateway.application.live.signal import Signal

PONG_LATE_S = 3.0
"""A peer that answers no ping is closed after at most 38 s: the pause between pings, the wait, the close."""
LINGER_S = 5.0
"""Seconds a peer with malformed frames may take to read the close reason."""


class _Inbox:
    """Received messages that were not read; a tenth of the size of the asyncio queue that it replaces."""

    __slots__ = ("_messages", "_signal")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._signal = Signal()

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        self._signal.set()

    def empty(self) -> bool:
        return not self._messages

    async def get(self) -> Any:
        while not self._messages:
            await self._signal.wait()
        return self._messages.pop(0)


class SocketProtocol(WebSocketsSansIOProtocol):
    """Treats a refused opening as answered, and text that is not UTF-8 as the client's fault; neither is an error.

    A message with `frame` is written unchanged: a message for many clients is framed once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = cast("Any", _Inbox())
        self._is_broken = False

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # otherwise the opening was refused
            self.scope["extensions"][TRANSPORT] = self.transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if not self._is_broken:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """Send the close frame, then read what the peer still sends: unread bytes would reset the connection.

        A reset overtakes the close frame, and the peer would not get the reason.
        """
        self._is_broken = True
        sent = self.conn.close_sent
        assert sent is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": sent.code, "reason": sent.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self.transport.write_eof()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        # A vanished peer reads nothing: closing would wait for it to read the buffer.
        self.loop.call_later(PONG_LATE_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        frame = message.get("frame")
        if frame is not None and self.handshake_complete and not self.close_sent:
            if not self.writable.is_set():
                await self.writable.wait()
            if self.disconnected:
                raise ClientDisconnected
            self.transport.write(frame)
            return
        await super().send(message)
        if message["type"] == "websocket.accept":
            # Frees kilobytes that only the opening needed.
            self.request = self.response = None  # type: ignore[assignment]
            cast("list[Any]", self.scope["headers"]).clear()
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()
