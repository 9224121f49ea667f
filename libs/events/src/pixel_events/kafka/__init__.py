"""The bus on Apache Kafka."""

from pixel_events.kafka.bus import KafkaBus

__all__ = ["KafkaBus"]
