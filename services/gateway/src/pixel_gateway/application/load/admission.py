"""Admission: under load new work is refused first and billing last."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Protocol

from pixel_errors import Unavailable

from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from pixel_gateway.domain.concurrency_limit import ConcurrencyLimit

SHARES = {LoadClass.CREATE: 0.8, LoadClass.READ: 1.0}
"""Share of the limit that may be in use when a request of this kind is admitted."""

FAR_BOUNDS = {LoadClass.STATUS: 2, LoadClass.CRITICAL: 4}
"""Multiple of the largest limit. These kinds count as load but are not refused for it; this bounds memory."""

_WINDOW_S = 1.0
_LONGEST_RETRY_S = 30.0


class Overloaded(Unavailable):
    """The service is overloaded; retry after `Retry-After`."""

    reason = "OVERLOADED"


class AdmissionObserver(Protocol):
    """Counts admissions."""

    def in_flight(self, requests: int, limit: float) -> None: ...
    def shed(self, load_class: LoadClass) -> None: ...


class InFlight:
    """One admitted request; it ends once, when its response is ready or when it only waits."""

    __slots__ = ("_admission", "_began_s", "_is_open", "_route")

    def __init__(self, admission: Admission, route: str, began_s: float) -> None:
        self._admission = admission
        self._route = route
        self._began_s = began_s
        self._is_open = True

    def end(self) -> None:
        """Release the slot; the time a request only waits does not count as load."""
        if self._is_open:
            self._is_open = False
            self._admission.ended(self._route, self._began_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()


class Admission:
    """The limit of requests in progress in this process. Nothing queues here: a rejection is immediate."""

    def __init__(
        self,
        limit: ConcurrencyLimit,
        observer: AdmissionObserver,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        fraction: Callable[[], float] = random.random,
    ) -> None:
        self._limit = limit
        self._observer = observer
        self._monotonic = monotonic
        self._fraction = fraction
        self._in_flight = 0
        self._window_ends_s = 0.0
        self._admitted = self._refused = 0
        self._wait_s = 1.0

    def admit(self, load_class: LoadClass, route: str) -> InFlight:
        """Admit a request; raise Overloaded, with the time of expected capacity."""
        now_s = self._monotonic()
        if now_s >= self._window_ends_s:
            self._close_window(now_s)
        if self._in_flight >= self._bound(load_class):
            self._refused += 1
            self._observer.shed(load_class)
            raise Overloaded(retry_after_s=self._wait_s * (1.0 + 0.5 * self._fraction()))
        self._admitted += 1
        self._in_flight += 1
        self._observer.in_flight(self._in_flight, self._limit.value)
        return InFlight(self, route, now_s)

    def ended(self, route: str, began_s: float) -> None:
        """Record the end of a request."""
        now_s = self._monotonic()
        self._limit.ended(route, now_s - began_s, in_flight=self._in_flight, now_s=now_s)
        self._in_flight -= 1
        self._observer.in_flight(self._in_flight, self._limit.value)

    def _bound(self, load_class: LoadClass) -> float:
        if load_class in FAR_BOUNDS:
            return FAR_BOUNDS[load_class] * self._limit.most
        return max(1.0, SHARES[load_class] * self._limit.value)

    def _close_window(self, now_s: float) -> None:
        """Return the time to serve the requests refused in the last second, at the rate of that second."""
        backlog_s = _WINDOW_S * self._refused / max(self._admitted, 1)
        self._wait_s = min(max(backlog_s, 1.0), _LONGEST_RETRY_S)
        self._admitted = self._refused = 0
        self._window_ends_s = now_s + _WINDOW_S
