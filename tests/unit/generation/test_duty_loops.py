"""Each duty has a loop, an error boundary and figures of its own."""

from __future__ import annotations

import asyncio

import pytest
from pixel_errors import Unavailable
from pixel_generation.adapters.inbound import duty_loops
from pixel_generation.adapters.inbound.duty_loops import duty_loop, nightly_loop
from pixel_generation.adapters.metrics import DutyMetrics
from pixel_generation.application.maintenance.duty import Duty, DutyResult, parse_intervals, run_all, run_duty
from pixel_generation.settings import Settings
from prometheus_client import REGISTRY

from tests.fakes.generation_duties import FakeDutyObserver, FakeLeadership


def duty(name: str, *results: int | Exception, needs_lead: bool = True) -> Duty:
    left = list(results)

    async def work() -> int:
        result = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(result, Exception):
            raise result
        return result

    return Duty(name, work, needs_lead=needs_lead)


async def test_a_failing_duty_does_not_stop_the_others() -> None:
    observer = FakeDutyObserver()
    duties = [
        duty("rescue", Unavailable("away")),
        duty("expire", RuntimeError("broken")),
        duty("age", 3),
    ]
    assert await run_all(duties, leadership=FakeLeadership(), observer=observer) == 3
    assert observer.failures == {"rescue": 1, "expire": 1}
    assert observer.successes == {"age": 1}


async def test_only_the_leader_runs_duties_that_need_the_lead() -> None:
    observer, follower = FakeDutyObserver(), FakeLeadership(leads=False)
    duties = [duty("rescue", 1), duty("start_scheduled", 2, needs_lead=False)]
    assert await run_all(duties, leadership=follower, observer=observer) == 2
    assert observer.successes == {"start_scheduled": 1}


async def test_a_failing_duty_is_retried_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def pause(stop: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            stop.set()

    monkeypatch.setattr(duty_loops, "pause", pause)
    observer = FakeDutyObserver()
    away = [Unavailable("away")] * 6
    loop = duty_loop(
        duty("rescue", *away, 0),
        lambda each: run_duty(each, leadership=FakeLeadership(), observer=observer),
        interval_s=2.0,
        after_s=0.5,
    )
    assert loop.name == "generation-rescue"
    await loop.start()
    async with asyncio.timeout(5):
        while len(pauses) < 9:
            await asyncio.sleep(0)
    await loop.stop()
    assert pauses == [0.5, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 2.0, 2.0]


async def test_a_nightly_duty_waits_for_its_hour_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    nights, pauses, runs = iter([1_800.0, 86_400.0, 86_400.0]), list[float](), 0

    async def pause(stop: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            stop.set()

    async def do(_: Duty) -> DutyResult:
        nonlocal runs
        runs += 1
        return DutyResult(is_done=runs > 1)

    monkeypatch.setattr(duty_loops, "pause", pause)
    loop = nightly_loop(duty("reconcile_ledger", 0), do, lambda: next(nights))
    await loop.start()
    async with asyncio.timeout(5):
        while len(pauses) < 3:
            await asyncio.sleep(0)
    await loop.stop()
    assert (pauses, runs) == ([1_800, 86_400, 86_400], 2)


def test_a_duty_has_metrics() -> None:
    metrics, labels = DutyMetrics(), {"duty": "a test"}
    metrics.done("a test", 0.2)
    metrics.failed("a test")
    metrics.set_aside("a test")
    assert (REGISTRY.get_sample_value("pixel_duty_last_success_timestamp", labels) or 0) > 1_600_000_000
    assert REGISTRY.get_sample_value("pixel_duty_seconds_count", labels) == 1
    assert REGISTRY.get_sample_value("pixel_duty_errors_total", labels) == 1
    assert REGISTRY.get_sample_value("pixel_rows_set_aside_total", labels) == 1


def test_single_duties_can_have_their_own_interval() -> None:
    assert parse_intervals("archive=60; purge = 0.5;") == {"archive": 60, "purge": 0.5}
    for wrong in ("archive", "archive=0", "archive=inf", "archive=soon"):
        with pytest.raises(ValueError, match=r"."):
            Settings(duty_intervals=wrong)
