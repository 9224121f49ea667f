"""The bus port on a Kafka cluster."""

from __future__ import annotations

import asyncio
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pixel_errors import PixelError, Unavailable

from pixel_events.bus import BusHealth
from pixel_events.event import require_fit, topic_named
from pixel_events.kafka.connection import METADATA_TIMEOUT_S, Connection, kind_of
from pixel_events.kafka.consumer import KafkaConsumer
from pixel_events.kafka.producer import BatchProducer
from pixel_events.topics import CATALOGUE, Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pixel_events.event import Event

Answer = TypeVar("Answer")

VISIBLE_WITHIN_S = 15.0
LOOK_AGAIN_S = 0.1


class KafkaBus:
    """Clients of one cluster. `topic_prefix` keeps several installations on one cluster apart."""

    def __init__(
        self,
        brokers: str,
        *,
        client_id: str = "pixel-studio",
        ssl: bool = False,
        sasl_username: str = "",
        sasl_password: str = "",
        replication: int = 3,
        topic_prefix: str = "",
        catalogue: Mapping[str, Topic] = CATALOGUE,
    ) -> None:
        self._connection = Connection(brokers, client_id, ssl, sasl_username, sasl_password)
        self._replication = replication
        self._prefix = topic_prefix
        self._catalogue = catalogue
        self._names = {name: topic_prefix + name for name in catalogue}
        self._producer = BatchProducer(self._connection)
        self._admin: AdminClient | None = None

    async def publish(self, events: Sequence[Event]) -> None:
        for event in events:
            topic = topic_named(event.topic, self._catalogue)
            require_fit(topic, key=event.key, value=event.value, headers=event.headers)
        if events:
            await self._producer.publish(events, self._names)

    def consumer(self, group: str, topics: Sequence[str]) -> KafkaConsumer:
        return self._reader(self._prefix + group, topics, follows=False)

    def follower(self, topics: Sequence[str]) -> KafkaConsumer:
        return self._reader(f"{self._prefix}follower-{uuid.uuid4()}", topics, follows=True)

    async def ensure_topics(self) -> list[str]:
        return await self._blocking(self._create_missing)

    async def health(self) -> BusHealth:
        try:
            known, brokers = await self._blocking(self._metadata)
        except PixelError as error:
            return BusHealth(reachable=False, missing=tuple(self._catalogue), error=error.detail)
        present = tuple(name for name, on_cluster in self._names.items() if on_cluster in known)
        missing = tuple(name for name, on_cluster in self._names.items() if on_cluster not in known)
        return BusHealth(reachable=True, brokers=brokers, present=present, missing=missing)

    async def close(self) -> None:
        await self._producer.close()
        self._admin = None

    def _reader(self, group: str, topics: Sequence[str], *, follows: bool) -> KafkaConsumer:
        settings = self._connection.settings() | {
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "latest" if follows else "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            # The partitions of a killed member are reassigned within ten seconds.
            "session.timeout.ms": 10_000,
            # A heartbeat response announces a rebalance.
            "heartbeat.interval.ms": 1_000,
            "queued.min.messages": 1_000,
            "queued.max.messages.kbytes": 16_384,
        }
        names = {topic_named(name, self._catalogue).name: self._names[name] for name in topics}
        return KafkaConsumer(settings, names, follows=follows)

    async def _blocking(self, call: Callable[[AdminClient], Answer]) -> Answer:
        if self._admin is None:
            self._admin = AdminClient(self._connection.settings())
        try:
            return await asyncio.to_thread(partial(call, self._admin))
        except KafkaException as error:
            raise kind_of(error.args[0]) from error

    @staticmethod
    def _metadata(admin: AdminClient) -> tuple[set[str], tuple[str, ...]]:
        cluster = admin.list_topics(timeout=METADATA_TIMEOUT_S)
        return set(cluster.topics), tuple(f"{broker.host}:{broker.port}" for broker in cluster.brokers.values())

    def _create_missing(self, admin: AdminClient) -> list[str]:
        known, brokers = self._metadata(admin)
        missing = [topic for topic in self._catalogue.values() if self._names[topic.name] not in known]
        if not missing:
            return []
        created = []
        wanted = [self._new_topic(topic, min(self._replication, len(brokers))) for topic in missing]
        outcomes = admin.create_topics(wanted, operation_timeout=VISIBLE_WITHIN_S)
        for topic in missing:
            try:
                outcomes[self._names[topic.name]].result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
            else:
                created.append(topic.name)
        self._await_visible(admin, {self._names[topic.name] for topic in missing})
        return created

    def _new_topic(self, topic: Topic, replication: int) -> NewTopic:
        config = {
            "retention.ms": str(topic.retention_ms),
            "max.message.bytes": str(topic.max_message_bytes),
            "cleanup.policy": "delete",
        }
        return NewTopic(self._names[topic.name], topic.partitions, replication, config=config)

    def _await_visible(self, admin: AdminClient, names: set[str]) -> None:
        end = time.monotonic() + VISIBLE_WITHIN_S
        while not names <= self._metadata(admin)[0]:
            if time.monotonic() > end:
                raise Unavailable("the created topics are not visible yet", reason="BUS_UNAVAILABLE")
            time.sleep(LOOK_AGAIN_S)
