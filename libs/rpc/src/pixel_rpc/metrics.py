"""Metrics of the RPC library: calls by service, method and code, and their durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from grpc import StatusCode

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LABELS = ("service", "method")

SERVER_HANDLED = Counter("grpc_server_handled_total", "RPCs answered by this process", [*_LABELS, "code"])
SERVER_SECONDS = Histogram("grpc_server_handling_seconds", "Seconds to answer an RPC", _LABELS, buckets=_BUCKETS)
CLIENT_HANDLED = Counter("grpc_client_handled_total", "RPCs made by this process", [*_LABELS, "code"])
CLIENT_SECONDS = Histogram("grpc_client_handling_seconds", "Seconds an RPC took its caller", _LABELS, buckets=_BUCKETS)


def split_method(path: str) -> tuple[str, str]:
    """Return (service, method) of a path such as `/pixel.media.v1.Assets/Get`."""
    service, _, method = path.removeprefix("/").rpartition("/")
    return service, method


class MethodMetrics:
    """The counters of one method; each labelled child is looked up once, as a look-up costs more than counting."""

    def __init__(self, path: str, handled: Counter, seconds: Histogram) -> None:
        self._labels = split_method(path)
        self._family = handled
        self._handled: dict[StatusCode, Counter] = {}
        self._seconds = seconds.labels(*self._labels)

    def finished(self, code: StatusCode, seconds: float) -> None:
        """Count one finished call."""
        child = self._handled.get(code)
        if child is None:
            child = self._handled[code] = self._family.labels(*self._labels, code.name)
        child.inc()
        self._seconds.observe(seconds)
