"""The synchronous producer of the library, one poll thread, and one future per batch.

The library's asyncio producer delays awaited records for up to a second and refuses headers; one future per batch
wakes the event loop once per batch, not once per record.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

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
PURGED_WITHIN_S = 1.0
DELIVER_WITHIN_MS = 10_000
REPORT_WITHIN_S = 5.0
MAX_QUEUED_RECORDS = 100_000
MAX_QUEUED_KBYTES = 65_536
MAX_RECORD_BYTES = 16_777_216
"""Above the limit of every topic, which is checked before."""


class _Batch:
    """Counts deliveries on the poll thread and resolves one future."""

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


class _Client:
    """One producer of the library and the thread that serves its delivery reports."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.producer = Producer(dict(settings))
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="kafka-producer", daemon=True)
        self._poller.start()

    def close(self) -> None:
        """Flush for a bounded time, report the rest as not delivered, end the thread; blocking."""
        if self.producer.flush(FLUSH_S):
            self.producer.purge()
            self.producer.flush(PURGED_WITHIN_S)
        self._closing.set()
        self._poller.join()

    def _poll(self) -> None:
        while not self._closing.is_set():
            self.producer.poll(POLL_S)


class BatchProducer:
    """Publishes batches durably (idempotent, acks=all), in order per key."""

    def __init__(self, connection: Connection) -> None:
        self._settings = connection.settings() | {
            "enable.idempotence": True,
            "acks": "all",
            # Callers await each batch, so lingering only adds delay.
            "linger.ms": 0,
            "retries": 8,
            "delivery.timeout.ms": DELIVER_WITHIN_MS,
            "queue.buffering.max.messages": MAX_QUEUED_RECORDS,
            "queue.buffering.max.kbytes": MAX_QUEUED_KBYTES,
            "message.max.bytes": MAX_RECORD_BYTES,
            "partitioner": "murmur2_random",
        }
        self._client: _Client | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def publish(self, events: Sequence[Event], names: Mapping[str, str]) -> None:
        """Return when all are durable; `names` maps topics to their names on the cluster."""
        if self._client is None:
            self._client = _Client(self._settings)
        client, batch = self._client, _Batch(len(events))
        try:
            for event in events:
                client.producer.produce(
                    names[event.topic],
                    value=event.value,
                    key=event.key.encode("utf-8", "surrogateescape"),
                    headers=wire_headers(event),
                    on_delivery=batch.delivered,
                )
        except BufferError as error:
            raise Unavailable("too many records wait for the cluster", reason="BUS_QUEUE_FULL") from error
        except KafkaException as error:
            raise self._refused(client, error.args[0]) from error
        failed = await self._outcome(batch)
        if failed is not None:
            raise self._refused(client, failed)

    async def close(self) -> None:
        """Flush for a bounded time, then stop the poll thread; idempotent."""
        if self._client is not None:
            self._retire(self._client)
        if self._retiring:
            await asyncio.wait(self._retiring)

    @staticmethod
    async def _outcome(batch: _Batch) -> KafkaError | None:
        try:
            # The library's own timeout is shorter; this one covers a missing delivery report.
            return await asyncio.wait_for(batch.future, DELIVER_WITHIN_MS / 1000 + REPORT_WITHIN_S)
        except TimeoutError as error:
            raise Unavailable("the client did not report on a batch in time", reason="BUS_UNAVAILABLE") from error

    def _refused(self, client: _Client, error: KafkaError) -> PixelError:
        if error.fatal():
            self._retire(client)
        return kind_of(error)

    def _retire(self, client: _Client) -> None:
        """Fail the batches in progress and close the client; the next batch gets a new one.

        An idempotent producer that lost its sequence cannot recover.
        """
        if self._client is not client:  # another batch of it failed before
            return
        self._client = None
        retiring = asyncio.create_task(asyncio.to_thread(client.close))
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)
