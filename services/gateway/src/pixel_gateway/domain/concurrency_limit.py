"""The adaptive limit of concurrent requests, computed from latency.

The limit follows the gradient of latency, as Netflix' concurrency-limits (Gradient2Limit; "Performance Under Load") and
Envoy's adaptive concurrency filter do: when requests take longer than without load, they queue behind each other, and
the limit shrinks in proportion; otherwise it grows by its square root, to allow a burst. Two things differ. The latency
without load is measured for each route, so that a change in the mix is no change of latency. And it rises only in
windows without pressure, so that a long overload is not taken for normal. Latency below `calm_s` is never an overload:
batched requests take longer together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

WINDOW_S = 0.5
MIN_SAMPLES = 10
TOLERANCE = 2.0
"""Factor over the latency without load at which the limit shrinks."""

_GROWS, _SHRINKS = 0.2, 0.5
"""Share of the change to the wanted limit made in one window: it shrinks faster than it grows."""

_STEEPEST = 0.5
_RISE = 0.02


@dataclass
class ConcurrencyLimit:
    """A limit between two bounds, updated with each ended request."""

    least: int = 128
    most: int = 2048
    calm_s: float = 0.1
    value: float = 0.0
    _alone_s: dict[str, float] = field(default_factory=dict)
    _window: dict[str, tuple[int, float]] = field(default_factory=dict)
    _began_s: float = -math.inf
    _peak: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"the limit needs bounds from 1 up, not {self.least} and {self.most}")
        self.value = self.value or float(min(self.most, 4 * self.least))

    def ended(self, route: str, seconds: float, *, in_flight: int, now_s: float) -> None:
        """Record a request that took `seconds` while `in_flight` were in progress."""
        count, total_s = self._window.get(route, (0, 0.0))
        self._window[route] = (count + 1, total_s + seconds)
        self._peak = max(self._peak, in_flight)
        if now_s - self._began_s >= WINDOW_S and sum(count for count, _ in self._window.values()) >= MIN_SAMPLES:
            if self._began_s > -math.inf:
                self._adapt()
            self._window, self._peak, self._began_s = {}, 0, now_s

    def _adapt(self) -> None:
        has_pressure = self._peak * 2 > self.value
        allowed_s, taken_s = self._measure(may_rise=not has_pressure)
        if not has_pressure:
            return
        gradient = max(_STEEPEST, min(1.0, allowed_s / taken_s)) if taken_s else 1.0
        if gradient < 1.0:
            self.value = max(self.least, self.value * (1.0 - _SHRINKS * (1.0 - gradient)))
        else:
            self.value = min(self.most, self.value + _GROWS * math.sqrt(self.value))

    def _measure(self, *, may_rise: bool) -> tuple[float, float]:
        """Update the latency without load of each route; return the allowed and the measured latency of the window."""
        allowed_s = taken_s = 0.0
        for route, (count, total_s) in self._window.items():
            mean_s = total_s / count
            alone_s = self._alone_s.get(route, mean_s)
            if mean_s < alone_s:
                alone_s = mean_s
            elif may_rise:
                alone_s += _RISE * (mean_s - alone_s)
            self._alone_s[route] = alone_s
            allowed_s += count * max(TOLERANCE * alone_s, self.calm_s)
            taken_s += total_s
        return allowed_s, taken_s
