from __future__ import annotations

import pytest
from pixel_events import KafkaBus, PostgresBus, open_bus


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
