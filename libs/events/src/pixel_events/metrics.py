"""Metrics of the bus clients."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

HANDLED = Counter("pixel_events_handled", "Events a consumer has handled.", ["consumer", "topic"])
RETRIED = Counter("pixel_events_retried", "Attempts at an event that failed and are repeated.", ["consumer", "topic"])
DEAD_LETTERED = Counter("pixel_events_dead_lettered", "Events that went to a dead-letter topic.", ["consumer", "topic"])
RELAYED = Counter("pixel_outbox_relayed", "Outbox events that the bus holds durably.", ["schema"])
OUTBOX_DEAD_LETTERED = Counter(
    "pixel_outbox_dead_lettered",
    "Outbox events that their topic refused and that went to its dead letters.",
    ["schema"],
)
REFUSED = Counter(
    "pixel_outbox_refused",
    "Attempts in which neither the topic nor its dead letters accepted an outbox event; it stays in the table.",
    ["schema"],
)
LAG_SECONDS = Gauge("pixel_outbox_lag_seconds", "Age of the oldest event of the last relayed batch.", ["schema"])
