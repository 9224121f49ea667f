from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError
from pixel_errors import Unavailable
from pixel_events.kafka import producer as kafka_producer
from pixel_events.kafka.connection import Connection
from pixel_events.kafka.producer import BatchProducer

from tests.conftest import WaitUntil
from tests.fakes.events import ACTIVITIES, activity

Report = Callable[[KafkaError | None, Any], None]
NAMES = {ACTIVITIES: ACTIVITIES}
FENCED = KafkaError(KafkaError._FENCED, "lost its sequence", True)
PURGED = KafkaError(KafkaError._PURGE_INFLIGHT)


class Library:
    """A fake librdkafka: keeps records until the test reports their delivery."""

    def __init__(self) -> None:
        self.clients: list[Client] = []

    def __call__(self, _settings: dict[str, Any]) -> Client:
        self.clients.append(Client())
        return self.clients[-1]


class Client:
    def __init__(self) -> None:
        self.waiting: list[Report] = []
        self.reported: list[tuple[Report, KafkaError | None]] = []
        self.purged_as = PURGED
        self.may_purge = threading.Event()
        self.may_purge.set()

    def produce(self, _topic: str, *, on_delivery: Report, **_record: Any) -> None:
        self.waiting.append(on_delivery)

    def report(self, index: int, error: KafkaError | None) -> None:
        self.reported.append((self.waiting.pop(index), error))

    def poll(self, _timeout_s: float) -> None:
        while self.reported:
            report, error = self.reported.pop()
            report(error, None)
        time.sleep(0.001)

    def flush(self, _timeout_s: float) -> int:
        self.poll(0)
        return len(self.waiting)

    def purge(self) -> None:
        self.may_purge.wait(5)
        while self.waiting:
            self.report(0, self.purged_as)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    made = Library()
    monkeypatch.setattr(kafka_producer, "Producer", made)
    return made


@pytest.fixture
def producer(library: Library) -> BatchProducer:
    return BatchProducer(Connection("a:1", "tests", ssl=False, sasl_username="", sasl_password=""))


def publishing(producer: BatchProducer, what: str) -> asyncio.Task[None]:
    return asyncio.create_task(producer.publish([activity("usr_a", what)], NAMES))


async def test_a_missing_delivery_report_fails_the_batch_in_bounded_time(
    producer: BatchProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_producer, "DELIVER_WITHIN_MS", 10)
    monkeypatch.setattr(kafka_producer, "REPORT_WITHIN_S", 0.02)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(publishing(producer, "x"), 5)
    await producer.close()


async def test_a_fatal_error_fails_the_other_batches_and_the_next_one_gets_a_new_client(
    producer: BatchProducer, library: Library, wait_until: WaitUntil
) -> None:
    fatal, other = publishing(producer, "fatal"), publishing(producer, "other")
    await wait_until(lambda: library.clients and len(library.clients[0].waiting) == 2)
    library.clients[0].report(0, FENCED)
    for batch in (fatal, other):
        with pytest.raises(Unavailable):
            await asyncio.wait_for(batch, 5)
    after = publishing(producer, "after")
    await wait_until(lambda: len(library.clients) == 2 and library.clients[1].waiting)
    library.clients[1].report(0, None)
    await asyncio.wait_for(after, 5)
    await producer.close()


async def test_a_late_error_of_an_old_client_does_not_affect_the_new_one(
    producer: BatchProducer, library: Library, wait_until: WaitUntil
) -> None:
    first, second = publishing(producer, "first"), publishing(producer, "second")
    await wait_until(lambda: library.clients and len(library.clients[0].waiting) == 2)
    old = library.clients[0]
    old.purged_as = FENCED
    old.may_purge.clear()
    old.report(0, FENCED)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(first, 5)
    after = publishing(producer, "after")
    await wait_until(lambda: len(library.clients) == 2 and library.clients[1].waiting)
    old.may_purge.set()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(second, 5)
    later = publishing(producer, "later")
    await wait_until(lambda: len(library.clients[1].waiting) == 2)
    library.clients[1].report(0, None)
    library.clients[1].report(0, None)
    await asyncio.wait_for(asyncio.gather(after, later), 5)
    await producer.close()
    assert len(library.clients) == 2


async def test_closing_fails_batches_in_flight(
    producer: BatchProducer, library: Library, wait_until: WaitUntil
) -> None:
    batch = publishing(producer, "x")
    await wait_until(lambda: library.clients and library.clients[0].waiting)
    await producer.close()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(batch, 5)
