"""Publishing: the synchronous producer, one poll thread, and one future per batch.

The library's asyncio producer holds awaited records for up to a second and refuses headers; one future per batch costs
one wake-up of the event loop however many records it carries.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, Producer
from pixel_errors import PixelError, Unavailable

from pixel_events.event import wire_headers
from pixel_events.kafka.connection import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka import KafkaError, Message

    from pixel_events.event import Event
    from pixel_events.kafka.connection import Connection

POLL_S = 0.5
FLUSH_S = 5.0
DELIVER_WITHIN_MS = 10_000
MAX_QUEUED_RECORDS = 100_000
MAX_QUEUED_KBYTES = 65_536
MAX_RECORD_BYTES = 16_777_216
"""Above every topic's own limit, which is checked before."""


class _Batch:
    """Counts deliveries down from the poll thread and settles one future."""

    def __init__(self, size: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[KafkaError | None] = self.loop.create_future()
        self._left = size
        self._error: KafkaError | None = None

    def delivered(self, error: KafkaError | None, _message: Message) -> None:
        self._error = self._error or error
        self._left -= 1
        if self._left == 0 and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self.future.done():
            self.future.set_result(self._error)


class BatchProducer:
    """Publishes batches durably (idempotent, acks=all), in the order given per key."""

    def __init__(self, connection: Connection) -> None:
        self._settings = connection.settings() | {
            "enable.idempotence": True,
            "acks": "all",
            # For callers that await, lingering is pure delay.
            "linger.ms": 0,
            "retries": 8,
            "delivery.timeout.ms": DELIVER_WITHIN_MS,
            "queue.buffering.max.messages": MAX_QUEUED_RECORDS,
            "queue.buffering.max.kbytes": MAX_QUEUED_KBYTES,
            "message.max.bytes": MAX_RECORD_BYTES,
            "partitioner": "murmur2_random",
        }
        self._producer: Producer | None = None
        self._poller: threading.Thread | None = None
        self._closing = threading.Event()

    async def publish(self, events: Sequence[Event], names: Mapping[str, str]) -> None:
        """Return when all are durable; `names` maps topics to their names on the cluster."""
        producer = self._started()
        batch = _Batch(len(events))
        try:
            for event in events:
                producer.produce(
                    names[event.topic],
                    value=event.value,
                    key=event.key.encode("utf-8", "surrogateescape"),
                    headers=wire_headers(event),
                    on_delivery=batch.delivered,
                )
        except BufferError as error:
            raise Unavailable("too many records wait for the cluster", reason="BUS_QUEUE_FULL") from error
        except KafkaException as error:
            raise self._refused(error.args[0]) from error
        failed = await batch.future
        if failed is not None:
            raise self._refused(failed)

    async def close(self) -> None:
        """Wait a bounded time for what was published, then stop the poll thread; idempotent."""
        producer, poller = self._producer, self._poller
        self._producer = self._poller = None
        self._closing.set()
        if producer is not None:
            await asyncio.to_thread(producer.flush, FLUSH_S)
        if poller is not None:
            await asyncio.to_thread(poller.join)

    def _started(self) -> Producer:
        if self._producer is None:
            self._closing = threading.Event()
            self._producer = Producer(self._settings)
            self._poller = threading.Thread(
                target=self._poll, args=(self._producer, self._closing), name="kafka-producer", daemon=True
            )
            self._poller.start()
        return self._producer

    @staticmethod
    def _poll(producer: Producer, closing: threading.Event) -> None:
        while not closing.is_set():
            producer.poll(POLL_S)

    def _refused(self, error: KafkaError) -> PixelError:
        if error.fatal():
            # An idempotent producer that lost its sequence never recovers; the next batch gets a new one.
            self._closing.set()
            self._producer = self._poller = None
        return kind_of(error)
