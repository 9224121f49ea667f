"""The consumer part: receive, handle with retries, dead-letter what fails for good, commit.

Each partition has a worker that handles its events in order; workers run concurrently up to a limit. A handler that
fails with Unavailable or DeadlineExceeded is retried and blocks its own worker only; any other failure is tried three
times, and the event then goes to the dead-letter topic with its origin.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded, Invalid, PixelError, Unavailable
from pixel_errors.backoff import backoff_s
from pixel_runtime import Loop, pause, unless
from pixel_telemetry import bind, extracted, get_logger, span

from pixel_events.dead_letters import dead_letter, without_contents
from pixel_events.event import EventTooLarge
from pixel_events.metrics import DEAD_LETTERED, HANDLED, RETRIED
from pixel_events.partition_workers import PartitionWorkers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pixel_events.bus import Bus, BusConsumer
    from pixel_events.event import Event

MAX_IN_FLIGHT = 256
WORKERS_AT_ONCE = 16
ATTEMPTS = 3
FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 2.0
DEAD_LETTERS_IN_A_ROW = 100
"""After this many final failures in a row the handler is at fault: workers retry instead of emptying the topic."""

log = get_logger(__name__)


class Consumer:
    """A part that calls a handler with the events of some topics, at least once."""

    def __init__(
        self,
        name: str,
        bus: Bus,
        *,
        group: str,
        topics: Sequence[str],
        handler: Callable[[Event], Awaitable[None]],
        max_in_flight: int = MAX_IN_FLIGHT,
        workers_at_once: int = WORKERS_AT_ONCE,
        dead_letters_in_a_row: int = DEAD_LETTERS_IN_A_ROW,
    ) -> None:
        self.name = name
        self._bus = bus
        self._group = group
        self._topics = tuple(topics)
        self._handler = handler
        self._max_in_flight = max_in_flight
        self._workers_at_once = workers_at_once
        self._dead_letters_in_a_row = dead_letters_in_a_row
        self._failed_in_a_row = 0
        self._reading = False
        self._handled = {topic: HANDLED.labels(name, topic) for topic in topics}
        self._retried = {topic: RETRIED.labels(name, topic) for topic in topics}
        self._dead_lettered = {topic: DEAD_LETTERED.labels(name, topic) for topic in topics}
        self._loop = Loop(name, self._run)

    async def start(self) -> None:
        """Start to read as soon as the bus answers; `check` raises until then."""
        await self._loop.start()

    async def stop(self) -> None:
        """Finish the events in progress and commit them."""
        await self._loop.stop()

    async def check(self) -> None:
        """Raise Unavailable while the consumer is not connected to the bus."""
        if not self._reading:
            raise Unavailable(f"{self.name} does not read yet", reason="CONSUMER_NOT_READY")

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            reader = self._bus.consumer(self._group, self._topics)
            try:
                if not await unless(stop, reader.start()):
                    return
                self._reading = True
                await self._read(reader, stop)
            except (Unavailable, DeadlineExceeded) as error:
                log.warning("consumer_interrupted", consumer=self.name, reason=error.code)
                await pause(stop, LAST_PAUSE_S * random.random())  # noqa: S311 - jitter, no secret
            finally:
                self._reading = False
                await reader.close()

    async def _read(self, reader: BusConsumer, stop: asyncio.Event) -> None:
        partition_workers = PartitionWorkers(
            reader, self._handle, max_in_flight=self._max_in_flight, workers_at_once=self._workers_at_once
        )
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                filling = asyncio.create_task(partition_workers.fill())
                try:
                    await asyncio.wait({filling, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    filling.cancel()  # a cancelled receive loses nothing
                    await asyncio.wait({filling})
                if not filling.cancelled():
                    filling.result()
        finally:
            stopping.cancel()
            await partition_workers.finish()

    async def _handle(self, event: Event, ending: asyncio.Event) -> bool:
        """Handle one event until it is done or dead-lettered; False when `ending` was set before."""
        with (
            extracted(event.headers),
            span(f"{event.topic} process", "consumer", **{"messaging.destination.name": event.topic}),
            bind(event_id=event.id, consumer=self.name),
        ):
            attempt = 0
            while True:
                attempt += 1
                try:
                    event.message()
                    await self._handler(event)
                except Exception as error:  # noqa: BLE001 - the partition worker survives any error of a handler
                    verdict = await self._failed(event, error, attempt, ending)
                    if verdict is not None:
                        return verdict
                else:
                    self._failed_in_a_row = 0
                    self._handled[event.topic].inc()
                    return True

    async def _failed(self, event: Event, error: Exception, attempt: int, ending: asyncio.Event) -> bool | None:
        """Decide after a failed attempt: None retries, True finishes the event, False leaves it uncommitted."""
        if self._is_final(error, attempt):
            return await self._dead_letter(event, error, attempt, ending)
        self._retried[event.topic].inc()
        if attempt == 1 or attempt % 10 == 0:
            if isinstance(error, PixelError):
                log.warning("event_failed", topic=event.topic, attempt=attempt, reason=error.code)
            else:
                log.error("event_failed", topic=event.topic, attempt=attempt, exc_info=error)
        draw = random.random()  # noqa: S311 - jitter, no secret
        await pause(ending, backoff_s(attempt + 1, first_s=FIRST_PAUSE_S, longest_s=LAST_PAUSE_S, draw=draw))
        return False if ending.is_set() else None

    def _is_final(self, error: Exception, attempt: int) -> bool:
        if isinstance(error, Invalid):
            return True
        if isinstance(error, Unavailable | DeadlineExceeded) or attempt < ATTEMPTS:
            return False
        return self._failed_in_a_row < self._dead_letters_in_a_row

    async def _dead_letter(self, event: Event, error: Exception, attempts: int, ending: asyncio.Event) -> bool:
        letter = dead_letter(event, error, attempts=attempts, consumer=self.name)
        while True:
            try:
                await self._publish(letter)
            except (Unavailable, DeadlineExceeded) as outage:
                log.warning("dead_letter_not_published", topic=event.topic, reason=outage.code)
                await pause(ending, random.uniform(FIRST_PAUSE_S, LAST_PAUSE_S))  # noqa: S311 - jitter, no secret
                if ending.is_set():
                    return False
            else:
                break
        if not isinstance(error, Invalid):
            self._failed_in_a_row += 1
        self._dead_lettered[event.topic].inc()
        log.error("event_dead_lettered", topic=event.topic, partition=event.partition, offset=event.offset)
        return True

    async def _publish(self, letter: Event) -> None:
        try:
            await self._bus.publish([letter])
        except EventTooLarge:
            # A record stored compressed by another program can exceed the limit; the original stays at its offset.
            await self._bus.publish([without_contents(letter)])
