"""Admission and rate limits as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.metrics import (
    ADMISSION_IN_FLIGHT,
    ADMISSION_LIMIT,
    ADMISSION_SHED,
    RATE_COUNTED_ALONE,
    RATE_LIMITED,
)
from pixel_gateway.application.load.admission import FAR_BOUNDS, SHARES

if TYPE_CHECKING:
    from pixel_gateway.domain.rate_limit import LoadClass


class LoadMetrics:
    """Updates the metrics of admission and rate limits."""

    def __init__(self) -> None:
        self._shed = {each: ADMISSION_SHED.labels(str(each)) for each in (*SHARES, *FAR_BOUNDS)}

    def in_flight(self, requests: int, limit: float) -> None:
        ADMISSION_IN_FLIGHT.set(requests)
        ADMISSION_LIMIT.set(limit)

    def shed(self, load_class: LoadClass) -> None:
        self._shed[load_class].inc()

    def limited(self, policy: str) -> None:
        RATE_LIMITED.labels(policy).inc()

    def counted_alone(self) -> None:
        RATE_COUNTED_ALONE.inc()
