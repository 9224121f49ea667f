"""Reads status events of the bus and publishes them: all of them, or a share when the gateways broadcast."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pixel_telemetry
from pixel.generation.v1.events_pb2 import GenerationStatusChanged
from pixel_errors import Invalid
from pixel_runtime import unless

from pixel_gateway.adapters.generation_codec import progress_of
from pixel_gateway.adapters.metrics import FOLLOW_DELAY_SECONDS, FOLLOWED_EVENTS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from pixel_events import Bus, Event
    from pixel_runtime.clock import Clock

    from pixel_gateway.adapters.inbound.status_broadcast import StatusBroadcast
    from pixel_gateway.domain.generation import Progress

log = pixel_telemetry.get_logger(__name__)

STATUS_TOPIC = "image.generation.status"
GROUP = "gateway-live"
"""The consumer group of gateways that broadcast to each other."""

_BATCH = 500
_RECEIVE_S = 0.2
"""Timeout of a read; a stop waits for it."""
_HISTORY = timedelta(hours=1)
"""Older events are skipped: a new group starts with all retained events of the bus."""


class StatusFollower:
    """Follow the topic until stopped; the body of a loop."""

    def __init__(
        self,
        bus: Bus,
        publish: Callable[[Progress], None],
        remember: Callable[[Sequence[Progress]], Awaitable[None]],
        clock: Clock,
        broadcast: StatusBroadcast | None = None,
    ) -> None:
        self._bus = bus
        self._publish = publish
        self._remember = remember
        self._clock = clock
        self._broadcast = broadcast

    async def follow(self, stop: asyncio.Event) -> None:
        """Publish each event to its watchers at once, then cache the newest of each generation."""
        shares = self._broadcast is not None
        reader = self._bus.consumer(GROUP, [STATUS_TOPIC]) if shares else self._bus.follower([STATUS_TOPIC])
        try:
            if not await unless(stop, reader.start()):
                return
            while not stop.is_set():
                received = await reader.receive(_BATCH, _RECEIVE_S)
                messages = [message for event in received if (message := self._read(event)) is not None]
                events = [progress_of(message.event) for message in messages]
                for event in events:
                    self._publish(event)
                if events and self._broadcast is not None:
                    await self._broadcast.send(messages)
                if events:
                    await self._remember(events)
                if received:
                    await reader.commit(received)
        finally:
            await reader.close()

    def _read(self, event: Event) -> GenerationStatusChanged | None:
        FOLLOWED_EVENTS.inc()
        delay = self._clock.now() - event.time
        FOLLOW_DELAY_SECONDS.observe(max(0.0, delay.total_seconds()))
        if delay > _HISTORY:
            return None
        try:
            message = event.message()
        except Invalid as error:
            # Only live delivery is lost; the stored events fill the gap.
            log.warning("status_event_unreadable", error=str(error), partition=event.partition, offset=event.offset)
            return None
        return message if isinstance(message, GenerationStatusChanged) else None
