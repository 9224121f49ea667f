"""Retention of the PostgreSQL bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_runtime import Loop, every
from pixel_telemetry import get_logger

if TYPE_CHECKING:
    from pixel_events.postgres.bus import PostgresBus

SWEEP_EVERY_S = 600.0

log = get_logger(__name__)


def retention_sweep(bus: PostgresBus, *, every_s: float = SWEEP_EVERY_S) -> Loop:
    """Make the part that deletes records older than the catalogue's retention; several may run at once."""

    async def sweep() -> None:
        deleted = await bus.sweep()
        if deleted:
            log.info("bus_records_expired", records=deleted)

    return Loop("bus-retention", every(every_s, sweep))
