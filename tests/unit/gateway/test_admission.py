"""Under overload the goodput stays high, and billing is always served."""

from __future__ import annotations

import random

import pytest
from pixel_gateway.application.load.admission import FAR_BOUNDS, SHARES, Admission, Overloaded
from pixel_gateway.domain.concurrency_limit import ConcurrencyLimit
from pixel_gateway.domain.rate_limit import LoadClass

from tests.fakes.gateway_load import FakeLoadObserver, Seconds, SharedServer, Simulation

WORK_S, QUEUES = 0.01, 4
CAPACITY = QUEUES / WORK_S
DEADLINE_S = 1.0


def admission(clock: Seconds, observer: FakeLoadObserver, limit: ConcurrencyLimit | None = None) -> Admission:
    limit = limit or ConcurrencyLimit(least=32, most=1024, calm_s=0.01)
    return Admission(limit, observer, monotonic=clock, fraction=lambda: 0.5)


def fill(subject: Admission, load_class: LoadClass) -> int:
    taken = 0
    while taken < 100_000:
        try:
            subject.admit(load_class, "route")
        except Overloaded:
            return taken
        taken += 1
    return taken


def test_submissions_are_refused_first_then_reads_then_status_and_billing_last():
    observer = FakeLoadObserver()
    subject = admission(Seconds(), observer, ConcurrencyLimit(least=100, most=100, value=100))

    taken = [fill(subject, load_class) for load_class in (*SHARES, *FAR_BOUNDS)]

    assert taken == [80, 20, 100, 200]
    assert observer.sheds == dict.fromkeys((*SHARES, *FAR_BOUNDS), 1)
    assert observer.highest == 400


def test_a_slot_is_released_once():
    subject = admission(Seconds(), FakeLoadObserver(), ConcurrencyLimit(least=1, most=1, value=1))
    with subject.admit(LoadClass.READ, "route") as flight:
        with pytest.raises(Overloaded):
            subject.admit(LoadClass.READ, "route")
        flight.end()
        second = subject.admit(LoadClass.READ, "route")
    with pytest.raises(Overloaded):
        subject.admit(LoadClass.READ, "route")
    second.end()
    subject.admit(LoadClass.READ, "route")


def test_the_retry_after_is_the_time_to_serve_the_refused_requests():
    clock = Seconds()
    subject = admission(clock, FakeLoadObserver(), ConcurrencyLimit(least=10, most=10, value=10))
    for _ in range(10):
        subject.admit(LoadClass.READ, "route")
    for _ in range(50):
        with pytest.raises(Overloaded):
            subject.admit(LoadClass.READ, "route")
    clock.now_s += 1.0
    with pytest.raises(Overloaded) as rejection:
        subject.admit(LoadClass.READ, "route")

    assert rejection.value.retry_after_s == pytest.approx(5.0 * 1.25)


class Offered:
    """Open arrivals of mixed kinds at a shared server with the real admission."""

    def __init__(self, seed: int = 1, *, is_guarded: bool = True) -> None:
        self.clock = Seconds()
        self.observer = FakeLoadObserver()
        self.admission = admission(self.clock, self.observer)
        if not is_guarded:
            self.admission = admission(self.clock, self.observer, ConcurrencyLimit(least=10**6, most=10**6))
        self.simulation = Simulation(self.clock)
        self.server = SharedServer(self.simulation, WORK_S, QUEUES, WORK_S / 100)
        self.random = random.Random(seed)
        self.in_time: list[float] = []
        self.took: list[float] = []
        self.refused: dict[LoadClass, int] = dict.fromkeys(LoadClass, 0)

    def arrive(self, rate: float, until_s: float) -> None:
        self.request(self.random.choices([*SHARES, *FAR_BOUNDS], weights=(70, 20, 9, 1))[0])
        next_s = self.clock.now_s + self.random.expovariate(rate)
        if next_s < until_s:
            self.simulation.at(next_s, lambda: self.arrive(rate, until_s))

    def request(self, load_class: LoadClass) -> None:
        began = self.clock.now_s
        try:
            flight = self.admission.admit(load_class, "route")
        except Overloaded:
            self.refused[load_class] += 1
            self.server.refuse()
            return

        def done() -> None:
            flight.end()
            self.took.append(self.clock.now_s - began)
            if self.clock.now_s - began <= DEADLINE_S:
                self.in_time.append(self.clock.now_s)

        self.server.start(done)

    def offer(self, load: float, seconds: float) -> float:
        """Offer `load` times the capacity; return the goodput as a part of the capacity."""
        self.took, self.in_time = [], []
        until = self.clock.now_s + seconds
        self.arrive(load * CAPACITY, until)
        self.simulation.run(until)
        return len(self.in_time) / (seconds * CAPACITY)


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


def test_five_times_the_capacity_keeps_four_fifths_of_the_goodput():
    offered = Offered()
    offered.offer(0.5, 10)
    peak, baseline_s = offered.offer(0.95, 20), p99(offered.took)
    offered.offer(5.0, 1)
    overload, overload_s = offered.offer(5.0, 59), p99(offered.took)

    assert overload >= 0.8 * peak
    assert overload_s <= 2 * baseline_s
    assert offered.observer.sheds[LoadClass.CRITICAL] == 0

    offered.offer(0.5, 1)
    offered.refused = dict.fromkeys(LoadClass, 0)
    offered.offer(0.5, 10)
    assert offered.refused == dict.fromkeys(LoadClass, 0), "not back to normal"


def test_without_admission_the_same_load_is_served_too_late():
    offered = Offered(is_guarded=False)
    peak = offered.offer(0.95, 10)

    assert offered.offer(2.0, 10) < 0.8 * peak


def test_the_limit_follows_a_service_that_became_slower_and_one_that_became_faster_again():
    offered = Offered()
    offered.offer(0.9, 10)
    offered.offer(5.0, 10)
    offered.server.work_s = WORK_S * 4
    slow = offered.offer(1.0, 30)
    offered.server.work_s = WORK_S
    fast = offered.offer(5.0, 20)

    assert slow >= 0.25 * 0.8
    assert fast >= 0.8
