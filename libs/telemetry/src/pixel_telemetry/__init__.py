"""Traces, metrics and JSON logs, configured once per process."""

from __future__ import annotations

from pixel_telemetry.configuration import setup
from pixel_telemetry.exposition import MetricsServer
from pixel_telemetry.logs import bind, get_logger
from pixel_telemetry.tracing import carrier_of, extracted, inject, mark_failed, span, start_span, use_provider

__all__ = [
    "MetricsServer",
    "bind",
    "carrier_of",
    "extracted",
    "get_logger",
    "inject",
    "mark_failed",
    "setup",
    "span",
    "start_span",
    "use_provider",
]
