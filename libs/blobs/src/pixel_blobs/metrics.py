"""Metrics of the object stores."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixel_errors import PixelError
from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = Histogram(
    "pixel_blob_operation_seconds",
    "Time of one object store operation.",
    ["store", "operation"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
)
_ERRORS = Counter(
    "pixel_blob_errors_total",
    "Object store operations that failed, by the reason of the error.",
    ["store", "operation", "reason"],
)


@contextmanager
def timed(store: str, operation: str) -> Iterator[None]:
    """Time one operation and count its failure."""
    started = time.perf_counter()
    try:
        yield
    except PixelError as error:
        _ERRORS.labels(store, operation, error.code).inc()
        raise
    finally:
        _SECONDS.labels(store, operation).observe(time.perf_counter() - started)
