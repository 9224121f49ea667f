"""Events: the topic catalogue, the bus and its ports, the outbox and its relay, consumers and their inbox.

The adapters are `pixel_events.kafka.KafkaBus` and `pixel_events.postgres.PostgresBus`; `bus_of` picks by the settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_events.bus import Bus, BusConsumer, BusHealth
from pixel_events.connect import BusSettings, bus_of, open_bus
from pixel_events.consumer import Consumer
from pixel_events.event import Event, EventTooLarge, MalformedEvent, UnknownTopic
from pixel_events.inbox import first_time
from pixel_events.outbox import OutboxEvent, OutboxRow, append_outbox, outbox_parameters, outbox_rows
from pixel_events.postgres import PostgresBus, retention_sweep
from pixel_events.relay import OutboxRelay
from pixel_events.topics import CATALOGUE, Topic

if TYPE_CHECKING:
    from pixel_events.kafka import KafkaBus

__all__ = [
    "CATALOGUE",
    "Bus",
    "BusConsumer",
    "BusHealth",
    "BusSettings",
    "Consumer",
    "Event",
    "EventTooLarge",
    "KafkaBus",
    "MalformedEvent",
    "OutboxEvent",
    "OutboxRelay",
    "OutboxRow",
    "PostgresBus",
    "Topic",
    "UnknownTopic",
    "append_outbox",
    "bus_of",
    "first_time",
    "open_bus",
    "outbox_parameters",
    "outbox_rows",
    "retention_sweep",
]


def __getattr__(name: str) -> Any:
    """Import librdkafka, which takes 0.1 s, only in processes that use Kafka."""
    if name == "KafkaBus":
        from pixel_events.kafka import KafkaBus

        return KafkaBus
    raise AttributeError(name)
