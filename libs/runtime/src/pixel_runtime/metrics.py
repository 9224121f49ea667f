"""Metrics of the runtime."""

from __future__ import annotations

from prometheus_client import Counter

LOOP_FAILURES = Counter("pixel_loop_failures_total", "Times a background loop raised and was restarted", ["loop"])
