from __future__ import annotations

from dataclasses import dataclass

import pytest
from pixel_events import KafkaBus, PostgresBus, bus_of, open_bus
from pixel_runtime import Secret


@dataclass(frozen=True)
class Settings:
    bus_url: str = "postgresql://bus@localhost/pixel"
    kafka_brokers: str = ""
    kafka_client_id: str = "tests"
    kafka_ssl: bool = True
    kafka_sasl_username: str = "ada"
    kafka_sasl_password: Secret = Secret("s3cret")


@pytest.mark.parametrize("url", ["postgres://bus@localhost/pixel", "postgresql://bus@localhost/pixel"])
async def test_a_postgres_address_opens_the_postgres_bus(url: str) -> None:
    bus = open_bus(url)
    assert isinstance(bus, PostgresBus)
    await bus.close()


async def test_a_kafka_address_opens_kafka() -> None:
    bus = open_bus("kafka://127.0.0.1:1,127.0.0.1:2")
    assert isinstance(bus, KafkaBus)
    await bus.close()


@pytest.mark.parametrize("url", ["", "kafka://", "amqp://localhost", "127.0.0.1:9092"])
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="bus address"):
        open_bus(url)


async def test_the_settings_name_the_bus_and_brokers_win_over_the_address() -> None:
    plain, kafka = bus_of(Settings()), bus_of(Settings(kafka_brokers="127.0.0.1:1"), replication=2)
    assert isinstance(plain, PostgresBus)
    assert isinstance(kafka, KafkaBus)
    connection = kafka._connection
    assert (connection.brokers, connection.client_id, connection.ssl) == ("127.0.0.1:1", "tests", True)
    assert (connection.sasl_username, connection.sasl_password) == ("ada", "s3cret")
    assert kafka._replication == 2
    await plain.close()
    await kafka.close()
