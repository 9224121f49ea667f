"""Connection settings of the cluster, and the translation of librdkafka's errors."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError
from pixel_errors import Forbidden, PixelError, Unavailable

from pixel_events.event import EventTooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient

METADATA_TIMEOUT_S = 3.0

_REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - the library's public name of a local error
}
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}


@dataclass(frozen=True)
class Connection:
    """Address of the cluster and credentials."""

    brokers: str
    client_id: str
    ssl: bool
    sasl_username: str
    sasl_password: str

    def __repr__(self) -> str:
        """Keep the password out of logs and tracebacks."""
        return f"Connection(brokers={self.brokers!r}, client_id={self.client_id!r})"

    def settings(self) -> dict[str, Any]:
        """Return the configuration common to all clients."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.brokers,
            "client.id": self.client_id,
            "security.protocol": ("SASL_" if self.sasl_username else "") + ("SSL" if self.ssl else "PLAINTEXT"),
            "retry.backoff.ms": 100,
            # A restarted broker is used again within two seconds.
            "reconnect.backoff.ms": 100,
            "reconnect.backoff.max.ms": 2000,
            "topic.metadata.refresh.interval.ms": 30_000,
            "logger": logging.getLogger("pixel_events.kafka"),
        }
        if self.sasl_username:
            settings |= {
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password,
            }
        return settings


def kind_of(error: KafkaError) -> PixelError:
    """Translate an error of the cluster or the client into the kind that says how to react."""
    if error.code() in _TOO_LARGE:
        return EventTooLarge("the cluster refuses a record of this size")
    if error.code() in _REFUSED:
        return Forbidden("the cluster refuses these credentials", reason="BUS_REFUSED")
    return Unavailable(f"Kafka: {error.name()}", reason="BUS_UNAVAILABLE")


def partitions_of(client: AdminClient | Consumer | Producer, topics: Sequence[str]) -> dict[str, list[int]]:
    """Ask the cluster for the partitions of topics; blocking.

    Raises KafkaException, or Unavailable for a missing topic.
    """
    known = client.list_topics(timeout=METADATA_TIMEOUT_S).topics
    missing = [name for name in topics if name not in known]
    if missing:
        raise Unavailable(f"not created yet: {', '.join(missing)}", reason="TOPIC_MISSING")
    return {name: sorted(known[name].partitions) for name in topics}
