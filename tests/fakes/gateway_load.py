"""Clocks and observers for limits, and a service that slows down as it fills."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixel_gateway.domain.rate_limit import LoadClass


@dataclass
class Seconds:
    """A clock that the test moves."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def ns(self) -> int:
        return round(self.now_s * 1e9)


@dataclass
class FakeLoadObserver:
    """Records the metrics of limiter and admission."""

    limits: Counter[str] = field(default_factory=Counter)
    sheds: Counter[LoadClass] = field(default_factory=Counter)
    alone: int = 0
    highest: int = 0

    def limited(self, policy: str) -> None:
        self.limits[policy] += 1

    def counted_alone(self) -> None:
        self.alone += 1

    def in_flight(self, requests: int, limit: float) -> None:
        del limit
        self.highest = max(self.highest, requests)

    def shed(self, load_class: LoadClass) -> None:
        self.sheds[load_class] += 1


class Simulation:
    """Events in the order of their time, on a clock that jumps from one to the next."""

    def __init__(self, clock: Seconds) -> None:
        self.clock = clock
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, time_s: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(time_s, self.clock.now_s), self._count, action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.clock.now_s + seconds, action)

    def run(self, until_s: float) -> None:
        while self._events and self._events[0][0] <= until_s:
            self.clock.now_s, _, action = heapq.heappop(self._events)
            action()
        self.clock.now_s = until_s


class SharedServer:
    """A processor shared by its requests: up to `queues` run concurrently, others take turns."""

    def __init__(self, simulation: Simulation, work_s: float, queues: int, rejection_s: float = 0.0) -> None:
        self._simulation = simulation
        self.work_s = work_s
        self._queues = queues
        self._rejection_s = rejection_s
        self._running: list[tuple[float, int, Callable[[], None]]] = []
        self._served_s = 0.0
        self._touched_s = 0.0
        self._version = 0

    def start(self, done: Callable[[], None]) -> None:
        self._advance()
        self._version += 1
        heapq.heappush(self._running, (self._served_s + self.work_s, self._version, done))
        self._plan()

    def refuse(self) -> None:
        """Spend the processor time of a rejection, at the expense of running requests."""
        self._advance()
        self._touched_s += self._rejection_s / self._queues
        self._plan()

    def _advance(self) -> None:
        """Advance each running request since the last call."""
        now_s = self._simulation.clock.now_s
        if self._running and now_s > self._touched_s:
            self._served_s += (now_s - self._touched_s) * self._pace()
        self._touched_s = max(now_s, self._touched_s)

    def _pace(self) -> float:
        return min(1.0, self._queues / len(self._running))

    def _plan(self) -> None:
        self._version += 1
        version = self._version
        if self._running:
            ends_s = self._touched_s + max(self._running[0][0] - self._served_s, 0.0) / self._pace()
            self._simulation.at(ends_s, lambda: self._finish(version))

    def _finish(self, version: int) -> None:
        if version != self._version:
            return
        self._advance()
        ended = []
        while self._running and self._running[0][0] <= self._served_s + 1e-9:
            ended.append(heapq.heappop(self._running)[2])
        self._plan()
        for done in ended:
            done()
