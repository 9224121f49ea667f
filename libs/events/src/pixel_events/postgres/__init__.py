"""The bus on PostgreSQL: a durable partitioned log with consumer offsets and LISTEN/NOTIFY, in schema `bus`."""

from pixel_events.postgres.bus import SCHEMA, PostgresBus
from pixel_events.postgres.retention import retention_sweep

__all__ = ["SCHEMA", "PostgresBus", "retention_sweep"]
