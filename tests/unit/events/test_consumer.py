from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pixel_errors import Conflict, DeadlineExceeded, Invalid, PixelError, Unavailable
from pixel_events import Consumer, Event
from pixel_events import consumer as consumer_module

from tests.conftest import WaitUntil
from tests.fakes.bus import FakeBus, FakeConsumer
from tests.fakes.events import ACTIVITIES, activity, subject_of

DEAD = ACTIVITIES + ".dlq"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "FIRST_PAUSE_S", 0.005)
    monkeypatch.setattr(consumer_module, "LAST_PAUSE_S", 0.02)


@pytest.fixture
async def bus() -> FakeBus:
    made = FakeBus()
    await made.ensure_topics()
    return made


@asynccontextmanager
async def consuming(
    bus: FakeBus, handler: Callable[[Event], Awaitable[None]], **bounds: int
) -> AsyncIterator[Consumer]:
    consumer = Consumer("tests", bus, group="tests", topics=[ACTIVITIES], handler=handler, **bounds)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def done(bus: FakeBus) -> int:
    """How many events the group has committed."""
    return sum(offset for (group, _), offset in bus.committed.items() if group == "tests")


async def test_each_event_is_handled_and_committed(bus: FakeBus, wait_until: WaitUntil) -> None:
    seen: list[str] = []

    async def handle(event: Event) -> None:
        seen.append(subject_of(event))

    await bus.publish([activity(f"usr_{n}", str(n)) for n in range(100)])
    async with consuming(bus, handle):
        await wait_until(lambda: done(bus) == 100)
    assert sorted(seen, key=int) == [str(n) for n in range(100)]


async def test_events_of_one_partition_are_handled_one_after_the_other(bus: FakeBus, wait_until: WaitUntil) -> None:
    seen: list[str] = []
    at_work = 0

    async def handle(event: Event) -> None:
        nonlocal at_work
        at_work += 1
        assert at_work == 1
        await asyncio.sleep(0)
        seen.append(subject_of(event))
        at_work -= 1

    await bus.publish([activity("usr_a", str(n)) for n in range(50)])
    async with consuming(bus, handle):
        await wait_until(lambda: done(bus) == 50)
    assert seen == [str(n) for n in range(50)]
    assert bus.records(DEAD) == []


async def test_a_blocked_partition_does_not_block_the_others(bus: FakeBus, wait_until: WaitUntil) -> None:
    release = asyncio.Event()
    seen: list[str] = []

    async def handle(event: Event) -> None:
        if subject_of(event) == "slow":
            await release.wait()
        seen.append(subject_of(event))

    await bus.publish([activity("usr_slow", "slow"), activity("usr_slow", "behind")])
    others = [event for n in range(40) if (event := activity(f"usr_{n}", str(n)))]
    await bus.publish(others)
    held = bus.records(ACTIVITIES)
    behind = {subject_of(e) for e in held if e.partition == next(e.partition for e in held if subject_of(e) == "slow")}
    async with consuming(bus, handle):
        await wait_until(lambda: len(seen) == 42 - len(behind))
        assert behind.isdisjoint(seen)
        release.set()
        await wait_until(lambda: done(bus) == 42)


async def test_a_handler_that_fails_once_is_tried_again(bus: FakeBus, wait_until: WaitUntil) -> None:
    attempts: list[str] = []

    async def handle(event: Event) -> None:
        attempts.append(subject_of(event))
        if len(attempts) == 1:
            raise RuntimeError("a hiccup")

    await bus.publish([activity("usr_a", "x")])
    async with consuming(bus, handle):
        await wait_until(lambda: done(bus) == 1)
    assert attempts == ["x", "x"]
    assert bus.records(DEAD) == []


async def test_an_event_that_always_fails_goes_to_the_dead_letters_with_its_origin(
    bus: FakeBus, wait_until: WaitUntil
) -> None:
    attempts = 0

    async def handle(event: Event) -> None:
        nonlocal attempts
        if subject_of(event) == "poison":
            attempts += 1
            raise Conflict("a prompt nobody should read", reason="ALREADY_THERE")

    sent = activity(
        "usr_a", "poison", headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    )
    await bus.publish([sent, activity("usr_a", "good")])
    async with consuming(bus, handle):
        await wait_until(lambda: done(bus) == 2)
    (letter,) = bus.records(DEAD)
    origin = bus.records(ACTIVITIES)[0]
    assert attempts == 3
    assert (letter.id, letter.key, letter.value, letter.type) == (sent.id, sent.key, sent.value, sent.type)
    assert letter.headers == {
        **sent.headers,
        "dlq-origin-topic": ACTIVITIES,
        "dlq-origin-partition": str(origin.partition),
        "dlq-origin-offset": str(origin.offset),
        "dlq-error": "Conflict: ALREADY_THERE",
        "dlq-attempts": "3",
        "dlq-consumer": "tests",
    }


async def test_an_invalid_event_is_not_retried(bus: FakeBus, wait_until: WaitUntil) -> None:
    handled: list[str] = []

    async def handle(event: Event) -> None:
        handled.append(subject_of(event))
        raise Invalid("no such partition worker")

    await bus.publish([activity("usr_a", "x"), replace(activity("usr_a", "y"), value=b"\xff\xff")])
    async with consuming(bus, handle):
        await wait_until(lambda: done(bus) == 2)
    assert handled == ["x"]
    assert [letter.headers["dlq-attempts"] for letter in bus.records(DEAD)] == ["1", "1"]
    assert [letter.headers["dlq-error"] for letter in bus.records(DEAD)] == [
        "Invalid: INVALID",
        "MalformedEvent: MALFORMED_EVENT",
    ]


@pytest.mark.parametrize("kind", [Unavailable, DeadlineExceeded])
async def test_an_event_is_retried_as_long_as_a_dependency_is_unavailable_or_too_slow(
    bus: FakeBus, wait_until: WaitUntil, kind: type[PixelError]
) -> None:
    attempts = 0

    async def handle(event: Event) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 6:
            raise kind("the database does not answer")

    await bus.publish([activity("usr_a", "x")])
    async with consuming(bus, handle):
        await wait_until(lambda: done(bus) == 1, timeout_s=20)
    assert attempts == 6
    assert bus.records(DEAD) == []


async def test_when_everything_fails_the_topic_is_not_emptied_into_the_dead_letters(
    bus: FakeBus, wait_until: WaitUntil
) -> None:
    attempts = 0
    mended = False

    async def handle(event: Event) -> None:
        nonlocal attempts
        attempts += 1
        if not mended:
            raise RuntimeError("a defect of ours")

    await bus.publish([activity("usr_a", str(n)) for n in range(10)])
    async with consuming(bus, handle, dead_letters_in_a_row=2):
        await wait_until(lambda: attempts >= 11)
        assert len(bus.records(DEAD)) == 2
        mended = True
        await wait_until(lambda: done(bus) == 10)
    assert len(bus.records(DEAD)) == 2


async def test_a_stop_leaves_a_failing_event_uncommitted(bus: FakeBus, wait_until: WaitUntil) -> None:
    attempts = 0

    async def handle(event: Event) -> None:
        nonlocal attempts
        attempts += 1
        raise Unavailable("the database is away")

    await bus.publish([activity("usr_a", "x")])
    async with consuming(bus, handle):
        await wait_until(lambda: attempts >= 2)
    assert done(bus) == 0
    assert bus.records(DEAD) == []


async def test_a_stop_finishes_and_commits_the_current_event(bus: FakeBus, wait_until: WaitUntil) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def handle(event: Event) -> None:
        begun.set()
        await release.wait()

    await bus.publish([activity("usr_a", "x"), activity("usr_a", "y")])
    consumer = Consumer("tests", bus, group="tests", topics=[ACTIVITIES], handler=handle)
    await consumer.start()
    await begun.wait()
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait({stopping}, timeout=0.05)
    assert not stopping.done()
    release.set()
    await asyncio.wait_for(stopping, 5)
    assert done(bus) == 1


async def test_a_bus_is_read_again_after_an_outage(bus: FakeBus, wait_until: WaitUntil) -> None:
    seen: list[str] = []

    async def handle(event: Event) -> None:
        seen.append(subject_of(event))

    await bus.publish([activity("usr_a", "x")])
    bus.down = True
    async with consuming(bus, handle) as consumer:
        with pytest.raises(Unavailable):
            await consumer.check()
        bus.down = False
        await wait_until(lambda: seen == ["x"])
        await consumer.check()


async def test_a_stop_does_not_wait_for_a_bus_that_does_not_answer(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    asked = asyncio.Event()

    async def never_answered(_reader: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    async def handle(event: Event) -> None:
        raise AssertionError

    monkeypatch.setattr(FakeConsumer, "start", never_answered)
    async with asyncio.timeout(2), consuming(bus, handle):
        await wait_until(asked.is_set)


async def test_a_failed_commit_is_repeated(bus: FakeBus, wait_until: WaitUntil) -> None:
    async def handle(event: Event) -> None:
        # The bus becomes unreachable while the event is handled.
        bus.down = not bus.committed and subject_of(event) == "x" and not went_away
        went_away.append(subject_of(event))

    went_away: list[str] = []
    await bus.publish([activity("usr_a", "x")])
    async with consuming(bus, handle):
        await wait_until(lambda: bus.down)
        await asyncio.wait([asyncio.create_task(asyncio.sleep(0.05))])
        bus.down = False
        await wait_until(lambda: done(bus) == 1)
    assert went_away == ["x", "x"]


async def test_no_more_events_are_in_progress_than_allowed(bus: FakeBus, wait_until: WaitUntil) -> None:
    release = asyncio.Event()
    at_work = 0
    most = 0

    async def handle(event: Event) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await release.wait()
        at_work -= 1

    await bus.publish([activity(f"usr_{n}", str(n)) for n in range(100)])
    async with consuming(bus, handle, workers_at_once=3, max_in_flight=50):
        await wait_until(lambda: at_work == 3)
        release.set()
        await wait_until(lambda: done(bus) == 100)
    assert most == 3


async def test_a_record_too_large_for_the_dead_letters_is_recorded_by_its_origin(
    bus: FakeBus, wait_until: WaitUntil
) -> None:
    async def handle(event: Event) -> None:
        raise Invalid("never")

    size = 3_000_000
    bus.logs[ACTIVITIES, 4].append(replace(activity("usr_a", "x"), value=b"\xff" * size, partition=4, offset=0))
    async with consuming(bus, handle):
        await wait_until(lambda: done(bus) == 1)
    (letter,) = bus.records(DEAD)
    assert letter.value == b""
    assert letter.headers["dlq-dropped-bytes"] == str(size)
    assert (letter.headers["dlq-origin-partition"], letter.headers["dlq-origin-offset"]) == ("4", "0")
