"""Configures logs and traces of a process."""

from __future__ import annotations

from pixel_telemetry.logs import configure
from pixel_telemetry.tracing import start_exporting


class _Once:
    done = False


def setup(
    service: str,
    *,
    log_level: str = "INFO",
    json_logs: bool = True,
    otlp_endpoint: str = "",
    sample_ratio: float = 1.0,
) -> None:
    """Configure logs and, when an OTLP endpoint is given, traces; later calls in a process do nothing.

    Raises ValueError for an unknown level and RuntimeError when the exporter package is missing.
    """
    if _Once.done:
        return
    configure(service, log_level=log_level, json_logs=json_logs)
    if otlp_endpoint:
        start_exporting(service, otlp_endpoint=otlp_endpoint, sample_ratio=sample_ratio)
    _Once.done = True
