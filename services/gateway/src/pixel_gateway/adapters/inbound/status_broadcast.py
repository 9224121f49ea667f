"""Status events between gateways over a channel, so that they can share one consumer group of the bus.

A lost message only costs time: the gap is filled from the store.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

import pixel_telemetry
from google.protobuf.message import DecodeError
from pixel.generation.v1.events_pb2 import GenerationStatusChanged
from pixel_errors import Unavailable

from pixel_gateway.adapters.generation_codec import progress_of
from pixel_gateway.adapters.metrics import BROADCASTS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from pixel_gateway.domain.generation import Progress

log = pixel_telemetry.get_logger(__name__)

CHANNEL = "processing-updates"
_SENDER_BYTES = 8
_SIZE_BYTES = 4
_REST_S = 1.0


class Channel(Protocol):
    """Reaches all current listeners. Failures raise Unavailable."""

    async def publish(self, message: bytes) -> None:
        """Send to all listeners."""

    def listen(self) -> AsyncGenerator[bytes | None, None]:
        """Yield None once subscribed, then each message."""


class StatusBroadcast:
    """Sends the events this gateway read from the bus, and publishes those of the others here."""

    def __init__(self, channel: Channel, publish: Callable[[Progress], None]) -> None:
        self._channel = channel
        self._publish = publish
        self._sender = secrets.token_bytes(_SENDER_BYTES)
        self._rests_until = 0.0
        self.is_listening = asyncio.Event()
        """Set while subscribed to the messages of the others."""

    async def send(self, messages: Sequence[GenerationStatusChanged]) -> None:
        """Send to the other gateways; after a failure the channel is not used for a moment."""
        if time.monotonic() < self._rests_until:
            BROADCASTS.labels("lost").inc()
            return
        try:
            await self._channel.publish(self._sender + _packed(messages))
        except Unavailable:
            BROADCASTS.labels("lost").inc()
            self._rests_until = time.monotonic() + _REST_S
            return
        BROADCASTS.labels("sent").inc()

    async def listen(self, stop: asyncio.Event) -> None:
        """Listen until stopped, reconnecting after failures; the body of a loop."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                listening = asyncio.ensure_future(self._listen())
                try:
                    await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    listening.cancel()
                    await asyncio.gather(listening, return_exceptions=True)
                if not stop.is_set():
                    await asyncio.wait({stopping}, timeout=_REST_S)
        finally:
            stopping.cancel()

    async def _listen(self) -> None:
        try:
            async with aclosing(self._channel.listen()) as messages:
                async for message in messages:
                    if message is None:
                        self.is_listening.set()
                    else:
                        self._receive(message)
        except Unavailable as error:
            log.warning("status_channel_lost", error=str(error))
        finally:
            self.is_listening.clear()

    def _receive(self, message: bytes) -> None:
        if message.startswith(self._sender):
            return
        try:
            events = [progress_of(each.event) for each in _unpacked(message[_SENDER_BYTES:])]
        except (DecodeError, ValueError) as error:
            log.warning("status_broadcast_unreadable", error=str(error))
            return
        BROADCASTS.labels("received").inc()
        for event in events:
            self._publish(event)


def _packed(messages: Sequence[GenerationStatusChanged]) -> bytes:
    bodies = [message.SerializeToString() for message in messages]
    return b"".join(len(body).to_bytes(_SIZE_BYTES, "big") + body for body in bodies)


def _unpacked(data: bytes) -> list[GenerationStatusChanged]:
    messages = []
    start = 0
    while start < len(data):
        end = start + _SIZE_BYTES + int.from_bytes(data[start : start + _SIZE_BYTES], "big")
        messages.append(GenerationStatusChanged.FromString(data[start + _SIZE_BYTES : end]))
        start = end
    return messages
