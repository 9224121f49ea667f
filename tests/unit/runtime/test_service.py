from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from pixel_errors import Unavailable
from pixel_runtime import Loop, Service, run
from prometheus_client import REGISTRY


class FakePart:
    """Records start and stop; `fails_at` makes one of them raise, `stop_s` makes stop slow."""

    def __init__(self, name, events, *, fails_at="", stop_s=0.0, start_s=0.0):
        self.name = name
        self._events = events
        self._fails_at = fails_at
        self._stop_s = stop_s
        self._start_s = start_s

    async def start(self):
        if self._fails_at == "start":
            raise RuntimeError(f"{self.name} cannot start")
        await asyncio.sleep(self._start_s)
        self._events.append(f"+{self.name}")

    async def stop(self):
        try:
            await asyncio.sleep(self._stop_s)
        finally:
            self._events.append(f"-{self.name}")
        if self._fails_at == "stop":
            raise RuntimeError(f"{self.name} cannot stop")


def service_of(events, *options):
    return Service("test", [FakePart(name, events, **more) for name, more in zip("abc", options, strict=True)])


async def test_parts_start_in_order_and_stop_in_reverse():
    events: list[str] = []
    service = service_of(events, {}, {}, {})
    await service.start()
    await service.stop()
    await service.stop()
    assert events == ["+a", "+b", "+c", "-c", "-b", "-a"]


async def test_when_a_part_fails_to_start_those_started_are_stopped():
    events: list[str] = []
    service = service_of(events, {"fails_at": "stop"}, {}, {"fails_at": "start"})
    with pytest.raises(RuntimeError, match="c cannot start"):
        await service.start()
    assert events == ["+a", "+b", "-b", "-a"]


async def test_every_part_is_stopped_even_when_one_raises():
    events: list[str] = []
    service = service_of(events, {"fails_at": "stop"}, {"fails_at": "stop"}, {})
    await service.start()
    with pytest.raises(ExceptionGroup) as raised:
        await service.stop()
    assert events[3:] == ["-c", "-b", "-a"]
    assert [str(error) for error in raised.value.exceptions] == ["b cannot stop", "a cannot stop"]


async def test_a_part_that_hangs_leaves_time_for_the_others():
    events: list[str] = []
    service = service_of(events, {}, {"stop_s": 0.1}, {"stop_s": 60})
    await service.start()
    began = time.monotonic()
    with pytest.raises(ExceptionGroup) as raised:
        await service.stop(within_s=1.5)
    assert time.monotonic() - began < 3
    assert events[3:] == ["-c", "-b", "-a"]
    assert raised.group_contains(TimeoutError)


async def test_readiness_names_each_check_and_withholds_foreign_text():
    async def fine():
        pass

    async def expected():
        raise Unavailable("the database does not answer")

    async def foreign():
        raise OSError("password=hunter2")

    service = Service("test", [], {"a": fine, "b": expected, "c": foreign})
    assert await service.ready() == {"a": "ok", "b": "the database does not answer", "c": "OSError"}
    assert await Service("empty", []).ready() == {}


async def test_run_stops_when_the_stop_event_is_set():
    events: list[str] = []
    stop = asyncio.Event()
    running = asyncio.create_task(run(service_of(events, {}, {}, {}), stop=stop))
    await until(lambda: len(events) == 3)
    stop.set()
    await asyncio.wait_for(running, 5)
    assert events == ["+a", "+b", "+c", "-c", "-b", "-a"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_service_gracefully(number):
    events: list[str] = []
    running = asyncio.create_task(run(service_of(events, {}, {}, {})))
    await until(lambda: len(events) == 3)
    os.kill(os.getpid(), number)
    await asyncio.wait_for(running, 5)
    assert events[3:] == ["-c", "-b", "-a"]


@pytest.mark.parametrize("pause_s", [0, 0.2], ids=["before stopping began", "while stopping"])
async def test_a_second_signal_cancels_at_once(pause_s):
    events: list[str] = []
    running = asyncio.create_task(run(service_of(events, {}, {}, {"stop_s": 60})))
    await until(lambda: len(events) == 3)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(pause_s)
    os.kill(os.getpid(), signal.SIGTERM)
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 5)
    assert time.monotonic() - began < 2


async def test_a_signal_during_start_stops_what_had_started():
    events: list[str] = []
    running = asyncio.create_task(run(service_of(events, {}, {"start_s": 60}, {})))
    await until(lambda: events == ["+a"])
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, 5)
    assert events == ["+a", "-a"]


async def test_run_raises_the_error_of_a_failed_start():
    with pytest.raises(RuntimeError, match="b cannot start"):
        await run(service_of([], {}, {"fails_at": "start"}, {}))


async def until(condition, within_s=5.0):
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_loop_runs_until_it_is_stopped():
    entered, left = asyncio.Event(), asyncio.Event()

    async def body(stop):
        entered.set()
        await stop.wait()
        left.set()

    loop = Loop("test_loop", body)
    await loop.start()
    await asyncio.wait_for(entered.wait(), 5)
    await loop.stop()
    await loop.stop()
    assert left.is_set()


async def test_a_loop_that_fails_is_counted_and_runs_again():
    tries = []
    again = asyncio.Event()

    async def body(stop):
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("boom")
        again.set()
        await stop.wait()

    loop = Loop("failing_loop", body)
    await loop.start()
    await asyncio.wait_for(again.wait(), 5)
    await loop.stop()
    assert len(tries) == 3
    assert REGISTRY.get_sample_value("pixel_loop_failures_total", {"loop": "failing_loop"}) == 2


async def test_a_loop_that_does_not_end_in_its_grace_is_cancelled():
    cancelled = asyncio.Event()

    async def body(_stop):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    loop = Loop("stubborn_loop", body, grace_s=0.05)
    await loop.start()
    await asyncio.sleep(0)
    await asyncio.wait_for(loop.stop(), 5)
    assert cancelled.is_set()


async def test_a_loop_that_waits_to_run_again_stops_at_once():
    failed = asyncio.Event()

    async def body(_stop):
        failed.set()
        raise RuntimeError("boom")

    loop = Loop("pausing_loop", body)
    await loop.start()
    await asyncio.wait_for(failed.wait(), 5)
    await asyncio.wait_for(loop.stop(), 1)


async def test_a_stopped_loop_can_be_started_again():
    runs = []

    async def body(stop):
        runs.append(1)
        await stop.wait()

    loop = Loop("again_loop", body)
    for count in (1, 2):
        await loop.start()
        await until(lambda count=count: len(runs) == count)
        await loop.stop()
