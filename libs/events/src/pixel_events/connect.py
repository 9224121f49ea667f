"""Makes a bus from settings or an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pixel_runtime import Secret

    from pixel_events.bus import Bus

POSTGRES_SCHEMES = ("postgres", "postgresql")


class BusSettings(Protocol):
    """The settings of every process that uses the bus; `kafka_brokers` (`host:port,…`) wins over `bus_url`."""

    @property
    def bus_url(self) -> str: ...
    @property
    def kafka_brokers(self) -> str: ...
    @property
    def kafka_client_id(self) -> str: ...
    @property
    def kafka_ssl(self) -> bool: ...
    @property
    def kafka_sasl_username(self) -> str: ...
    @property
    def kafka_sasl_password(self) -> Secret: ...


def bus_of(settings: BusSettings, *, replication: int = 3) -> Bus:
    """Make the bus of the settings; it connects at the first use. Raises ValueError when they name none."""
    return open_bus(
        f"kafka://{settings.kafka_brokers}" if settings.kafka_brokers else settings.bus_url,
        client_id=settings.kafka_client_id,
        ssl=settings.kafka_ssl,
        sasl_username=settings.kafka_sasl_username,
        sasl_password=settings.kafka_sasl_password.reveal(),
        replication=replication,
    )


def open_bus(
    url: str,
    *,
    client_id: str = "pixel-studio",
    ssl: bool = False,
    sasl_username: str = "",
    sasl_password: str = "",
    replication: int = 3,
) -> Bus:
    """Make the bus at `postgres://…` or `kafka://host:port,host:port`; it connects at the first use.

    Raises ValueError for any other address. The keyword arguments are for Kafka.
    """
    scheme, _, rest = url.partition("://")
    if scheme in POSTGRES_SCHEMES:
        from pixel_events.postgres import PostgresBus

        return PostgresBus(url)
    brokers = rest.rstrip("/")
    if scheme != "kafka" or not brokers:
        raise ValueError(
            f"a bus address starts with postgres:// or kafka://, not {urlsplit(url).scheme or 'nothing'}://"
        )
    # Importing librdkafka takes 0.1 s: only processes that use Kafka import it.
    from pixel_events.kafka import KafkaBus

    return KafkaBus(
        brokers,
        client_id=client_id,
        ssl=ssl,
        sasl_username=sasl_username,
        sasl_password=sasl_password,
        replication=replication,
    )
