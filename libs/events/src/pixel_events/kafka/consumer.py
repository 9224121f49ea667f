"""The synchronous consumer of the library, owned by one thread.

Every call to the library runs on that thread, so rebalances, commits and closing never race. The event loop sends it
requests; between requests the thread polls with the partitions paused, to keep its group membership.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, TopicPartition
from pixel_errors import PixelError, Unavailable
from pixel_telemetry import get_logger

from pixel_events.event import read_event
from pixel_events.kafka.connection import METADATA_TIMEOUT_S, kind_of, partitions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from confluent_kafka import Message

    from pixel_events.event import Event

POLL_S = 0.25
"""Longest time a request waits while the thread polls for records."""

KEEP_ALIVE_S = 1.0
ASSIGNED_WITHIN_S = 15.0
CLOSED_WITHIN_S = 10.0
LEADERLESS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
MOVED = {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError._NO_OFFSET}  # noqa: SLF001 - as above

log = get_logger(__name__)


@dataclass(frozen=True)
class _Request:
    """A request to the thread: a function and the future of its result."""

    act: Callable[[Consumer], Any]
    answer: asyncio.Future[Any]


class KafkaConsumer:
    """A member of a group, or a follower of all partitions from their end."""

    def __init__(self, settings: Mapping[str, Any], names: Mapping[str, str], *, follows: bool) -> None:
        self._settings = dict(settings)
        self._names = dict(names)
        self._topics = {on_cluster: topic for topic, on_cluster in names.items()}
        self._follows = follows
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._owned: dict[tuple[str, int], int] = {}
        """Assigned partitions, each with the offset committed since its assignment."""

        self._assigned = False
        self._is_paused = False
        self._early: list[Message] = []
        self._undelivered: list[Event] = []
        self._last_request: _Request | None = None

    async def start(self) -> None:
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-consumer", daemon=True)
        self._thread.start()
        await self._ask(self._follow if self._follows else self._join)

    async def receive(self, max_events: int, timeout_s: float) -> list[Event]:
        if not self._undelivered:
            self._undelivered.extend(await self._ask(lambda consumer: self._read(consumer, max_events, timeout_s)))
        events, self._undelivered = self._undelivered[:max_events], self._undelivered[max_events:]
        return events

    async def commit(self, events: Sequence[Event]) -> None:
        done: dict[tuple[str, int], int] = {}
        for event in () if self._follows else events:
            place = (self._names[event.topic], event.partition)
            done[place] = max(done.get(place, 0), event.offset + 1)
        if done:
            await self._ask(lambda consumer: self._commit(consumer, done))

    async def close(self) -> None:
        if self._thread is None or self._closing.is_set():
            return
        self._closing.set()
        self._requests.put(None)
        try:
            await asyncio.wait_for(self._ended.wait(), CLOSED_WITHIN_S)
        except TimeoutError:
            log.warning("kafka_consumer_still_closing", after_s=CLOSED_WITHIN_S)

    async def _ask(self, act: Callable[[Consumer], Any]) -> Any:
        if self._thread is None or self._closing.is_set() or self._ended.is_set():
            raise Unavailable("the consumer is not open", reason="BUS_UNAVAILABLE")
        request = _Request(act, self._loop.create_future())
        self._last_request = request
        self._requests.put(request)
        try:
            return await request.answer
        except asyncio.CancelledError:
            if not request.answer.cancelled() and request.answer.exception() is None:
                self._keep_undelivered(request.answer.result())
            raise

    # The methods below run on the consumer's thread.

    def _run(self) -> None:
        try:
            consumer = Consumer(self._settings)
            try:
                while not self._closing.is_set():
                    self._serve(consumer)
            finally:
                consumer.close()
        except KafkaException:
            log.exception("kafka_consumer_failed")
        finally:
            self._refuse_waiting()
            self._call_soon(self._ended.set)

    def _serve(self, consumer: Consumer) -> None:
        try:
            request = self._requests.get(timeout=KEEP_ALIVE_S)
        except queue.Empty:
            self._keep_alive(consumer)
            return
        if request is None:
            return
        try:
            result = request.act(consumer)
        except KafkaException as error:
            self._call_soon(self._fail, request, kind_of(error.args[0]))
        except PixelError as error:
            self._call_soon(self._fail, request, error)
        else:
            self._call_soon(self._answer, request, result)

    def _refuse_waiting(self) -> None:
        while True:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return
            if request is not None:
                self._call_soon(self._fail, request, Unavailable("the consumer was closed", reason="BUS_UNAVAILABLE"))

    def _join(self, consumer: Consumer) -> None:
        partitions_of(consumer, list(self._topics))
        consumer.subscribe(list(self._topics), on_assign=self._gained, on_revoke=self._gave, on_lost=self._gave)
        end = time.monotonic() + ASSIGNED_WITHIN_S
        while not self._assigned and not self._closing.is_set():
            if time.monotonic() > end:
                raise Unavailable("the group did not assign partitions in time", reason="BUS_UNAVAILABLE")
            self._keep(consumer.poll(0.05))

    def _follow(self, consumer: Consumer) -> None:
        places = [
            TopicPartition(name, partition)
            for name, partitions in partitions_of(consumer, list(self._topics)).items()
            for partition in partitions
        ]
        for place in places:
            place.offset = self._end_of(consumer, place)
        consumer.assign(places)

    def _end_of(self, consumer: Consumer, place: TopicPartition) -> int:
        """Return the next offset of a partition; retry while its leader changes."""
        end = time.monotonic() + METADATA_TIMEOUT_S
        while True:
            try:
                _, high = consumer.get_watermark_offsets(place, timeout=METADATA_TIMEOUT_S, cached=False)
            except KafkaException as error:
                if error.args[0].code() not in LEADERLESS or time.monotonic() > end or self._closing.wait(0.05):
                    raise
            else:
                return high

    def _read(self, consumer: Consumer, max_events: int, timeout_s: float) -> list[Event]:
        if self._is_paused:
            consumer.resume(consumer.assignment())
            self._is_paused = False
        messages, self._early = self._early, []
        end = time.monotonic() + timeout_s
        while not messages and not self._closing.is_set():
            left_s = end - time.monotonic()
            self._keep(consumer.poll(max(0.0, min(POLL_S, left_s))))
            messages, self._early = self._early, []
            if left_s <= POLL_S or not self._requests.empty():
                break
        if messages and len(messages) < max_events:
            for message in consumer.consume(max_events - len(messages), 0):
                self._keep(message)
            messages, self._early = messages + self._early, []
        return [self._event(message) for message in messages]

    def _keep_alive(self, consumer: Consumer) -> None:
        consumer.pause(consumer.assignment())
        self._is_paused = True
        self._keep(consumer.poll(0))

    def _keep(self, message: Message | None) -> None:
        """Buffer a record until it is requested; skip tombstones."""
        if message is None:
            return
        error = message.error()
        if error is None:
            if message.value() is not None:
                self._early.append(message)
        elif error.fatal():
            raise KafkaException(error)
        else:
            log.info("kafka_consumer_event", error=error.name(), topic=message.topic())

    def _event(self, message: Message) -> Event:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if topic is None or partition is None or offset is None:
            raise Unavailable("a record came without its place", reason="BUS_UNAVAILABLE")
        headers = message.headers() or []
        kind, stored_ms = message.timestamp()
        stored_at = (
            datetime.now(UTC) if kind == TIMESTAMP_NOT_AVAILABLE else datetime.fromtimestamp(stored_ms / 1000, UTC)
        )
        return read_event(
            self._topics[topic],
            key=message.key(),
            value=message.value() or b"",
            headers=headers.items() if isinstance(headers, dict) else headers,
            stored_at=stored_at,
            partition=partition,
            offset=offset,
        )

    def _commit(self, consumer: Consumer, done: Mapping[tuple[str, int], int]) -> None:
        # A late commit must not move the group back.
        newer = {place: offset for place, offset in done.items() if offset > self._owned.get(place, offset)}
        if not newer:
            return
        try:
            consumer.commit(
                offsets=[TopicPartition(*place, offset) for place, offset in newer.items()], asynchronous=False
            )
        except KafkaException as error:
            # The partitions moved: their new owner reads these events again.
            if error.args[0].code() not in MOVED:
                raise
        self._owned |= newer

    def _gained(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        self._assigned = True
        self._owned |= {(place.topic, place.partition): -1 for place in places}

    def _gave(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        # The library keeps a pause across assignments: a partition assigned again would stay paused.
        consumer.resume(places)
        gone = {(place.topic, place.partition) for place in places}
        self._owned = {place: offset for place, offset in self._owned.items() if place not in gone}
        self._early = [kept for kept in self._early if (kept.topic(), kept.partition()) not in gone]

    def _call_soon(self, callback: Callable[..., object], *arguments: object) -> None:
        # The loop may be closed when the process ends without closing its consumers.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)

    # The methods below run on the event loop.

    def _answer(self, request: _Request, result: Any) -> None:
        if not request.answer.done():
            request.answer.set_result(result)
        else:
            self._keep_undelivered(result)

    def _keep_undelivered(self, result: Any) -> None:
        """Buffer again the records of a cancelled receive."""
        if result:
            self._undelivered.extend(result)
            if self._last_request is not None and not self._last_request.answer.done():
                self._last_request.answer.set_result([])

    @staticmethod
    def _fail(request: _Request, error: PixelError) -> None:
        if not request.answer.done():
            request.answer.set_exception(error)
