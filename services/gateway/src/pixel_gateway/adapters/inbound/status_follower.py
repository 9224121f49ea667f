"""Reads every status event of the bus, as each gateway instance does, and hands it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pixel_telemetry
from pixel.generation.v1.events_pb2 import GenerationStatusChanged
from pixel_errors import Invalid

from pixel_gateway.adapters.generation_codec import progress_of
from pixel_gateway.adapters.metrics import FOLLOW_DELAY_SECONDS, FOLLOWED_EVENTS

if TYPE_CHECKING:
    import asyncio

    from pixel_events import Bus, Event
    from pixel_runtime.clock import Clock

    from pixel_gateway.application.live import Hub
    from pixel_gateway.application.ports import LastStatus
    from pixel_gateway.domain.generation import Progress

log = pixel_telemetry.get_logger(__name__)

STATUS_TOPIC = "image.generation.status"
_BATCH = 500
_RECEIVE_S = 0.2
"""Seconds a quiet read lasts; a stop waits for it."""


class StatusFollower:
    """The body of a loop: follow until stopped."""

    def __init__(self, bus: Bus, hub: Hub, last_status: LastStatus, clock: Clock) -> None:
        self._bus = bus
        self._hub = hub
        self._last_status = last_status
        self._clock = clock

    async def follow(self, stop: asyncio.Event) -> None:
        """Hand each event to its watchers at once, then remember the newest of each generation."""
        follower = self._bus.follower([STATUS_TOPIC])
        try:
            await follower.start()
            while not stop.is_set():
                received = await follower.receive(_BATCH, _RECEIVE_S)
                events = [progress for event in received if (progress := self._read(event)) is not None]
                for progress in events:
                    self._hub.publish(progress)
                if events:
                    await self._last_status.put(events)
        finally:
            await follower.close()

    def _read(self, event: Event) -> Progress | None:
        FOLLOWED_EVENTS.inc()
        FOLLOW_DELAY_SECONDS.observe(max(0.0, (self._clock.now() - event.time).total_seconds()))
        try:
            message = event.message()
        except Invalid as error:
            # Only a live view is lost; the stored events fill the gap.
            log.warning("status_event_unreadable", error=str(error), partition=event.partition, offset=event.offset)
            return None
        return progress_of(message.event) if isinstance(message, GenerationStatusChanged) else None
