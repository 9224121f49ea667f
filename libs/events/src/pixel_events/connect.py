"""From an address to a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pixel_events.bus import Bus

POSTGRES_SCHEMES = ("postgres", "postgresql")


def open_bus(
    url: str,
    *,
    client_id: str = "pixel-studio",
    ssl: bool = False,
    sasl_username: str = "",
    sasl_password: str = "",
    replication: int = 3,
) -> Bus:
    """Make the bus at `postgres://…` or `kafka://host:port,host:port`; it connects when first used.

    Raises ValueError for any other address. The keywords are for Kafka.
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
    # Loading librdkafka takes a tenth of a second: only processes that speak Kafka pay for it.
    from pixel_events.kafka import KafkaBus

    return KafkaBus(
        brokers,
        client_id=client_id,
        ssl=ssl,
        sasl_username=sasl_username,
        sasl_password=sasl_password,
        replication=replication,
    )
