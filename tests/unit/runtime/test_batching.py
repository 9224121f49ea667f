"""Queued items share a batch, each gets its own result, and no caller waits forever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar

import pytest
from pixel_errors import Exhausted, Internal, Invalid, Unavailable
from pixel_runtime.batching import AGAIN, Apart, Batching, TooManyWaiting, Undecided

SEED = 1
ROUNDS = 2_000
WRITERS = 4
trace: ContextVar[str] = ContextVar("trace", default="")


class Peer:
    """Returns each word when released; raises an error for words that begin with "bad"."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.traces: list[str] = []
        self.go = asyncio.Event()
        self.again: set[str] = set()
        self.breaks: type[Exception] | None = None

    async def send(self, words: Sequence[str]) -> list[str | Exception | Undecided]:
        self.batches.append(list(words))
        self.traces.append(trace.get())
        await self.go.wait()
        if self.breaks is not None and "poison" in words:
            raise self.breaks("a value that cannot be sent")
        again, self.again = self.again & set(words), set()
        return [AGAIN if word in again else Invalid(word) if word.startswith("bad") else word for word in words]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    yield peer
    peer.go.set()


async def started(batching: Batching[str, str], *words: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(batching.submit(word)) for word in words]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_items_that_queue_during_a_batch_share_the_next_one(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=100, max_waiting=100)
    first = await started(batching, "1")
    rest = await started(batching, *(str(number) for number in range(2, 10)))
    peer.go.set()
    assert await asyncio.gather(*first, *rest) == [str(number) for number in range(1, 10)]
    assert [len(batch) for batch in peer.batches] == [1, 8]


async def test_up_to_the_allowed_number_of_batches_are_sent_concurrently(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=100, max_waiting=100, at_once=2)
    tasks = [task for number in range(4) for task in await started(batching, str(number))]
    assert peer.batches == [["0"], ["1"]]
    peer.go.set()
    await asyncio.gather(*tasks)
    assert peer.batches == [["0"], ["1"], ["2", "3"]]


async def test_a_batch_has_a_maximum_size(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=4, max_waiting=100)
    tasks = await started(batching, *(str(number) for number in range(10)))
    peer.go.set()
    await asyncio.gather(*tasks)
    assert [len(batch) for batch in peer.batches] == [4, 4, 2]


async def test_an_error_of_one_item_reaches_its_own_caller_only(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=100, max_waiting=100)
    peer.go.set()
    outcomes = await asyncio.gather(*await started(batching, "good", "bad", "fine"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [str, Invalid, str]


async def test_a_failed_batch_raises_a_separate_error_for_each_caller() -> None:
    async def away(_: Sequence[str]) -> list[str]:
        raise Unavailable("away", metadata={"peer": "generation"}, retry_after_s=2)

    batching = Batching("words", away, most=100, max_waiting=100)
    outcomes = await asyncio.gather(*(batching.submit("a") for _ in range(5)), return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert len(errors) == len(outcomes)
    told = {(error.detail, error.metadata["peer"], error.retry_after_s) for error in errors}
    assert told == {("away", "generation", 2)}
    assert len({id(error) for error in errors}) == len({id(error.metadata) for error in errors}) == 5


async def test_an_unexpected_failure_is_internal_and_keeps_its_cause(peer: Peer) -> None:
    peer.go.set()
    peer.breaks = RuntimeError
    with pytest.raises(Internal) as told:
        await Batching("words", peer.send, most=100, max_waiting=100).submit("poison")
    assert isinstance(told.value.__cause__, RuntimeError)


@pytest.mark.parametrize("apart", [Apart.HALVES, Apart.SINGLY])
async def test_an_item_that_breaks_its_batch_fails_alone(peer: Peer, apart: Apart) -> None:
    peer.go.set()
    peer.breaks = RuntimeError
    batching = Batching("words", peer.send, most=100, max_waiting=100, apart=apart)
    tasks = await started(batching, "1", "2", "poison", "4")
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == ["1", "2", "4"]
    assert isinstance(outcomes[2], Internal)


async def test_a_batch_that_may_have_been_written_is_not_sent_again(peer: Peer) -> None:
    peer.go.set()
    peer.breaks = Unavailable
    batching = Batching("words", peer.send, most=100, max_waiting=100, apart=Apart.SINGLY, may_repeat=lambda _: False)
    outcomes = await asyncio.gather(*await started(batching, "1", "poison"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert peer.batches == [["1", "poison"]]


async def test_an_undecided_item_goes_first_in_the_next_batch(peer: Peer) -> None:
    peer.again = {"1"}
    batching = Batching("words", peer.send, most=2, max_waiting=100)
    tasks = await started(batching, "1", "2", "3")
    peer.go.set()
    assert await asyncio.gather(*tasks) == ["1", "2", "3"]
    assert peer.batches == [["1", "2"], ["1", "3"]]


async def test_no_two_items_of_one_key_are_sent_at_once_and_other_keys_do_not_wait(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=100, max_waiting=100, at_once=2, key=lambda word: word[0])
    tasks = await started(batching, "a1", "a2", "b1")
    tasks += await started(batching, "c1", "a3")
    assert peer.batches == [["a1", "b1"], ["c1"]]
    peer.go.set()
    await asyncio.gather(*tasks)
    assert peer.batches == [["a1", "b1"], ["c1"], ["a2"], ["a3"]]


async def test_a_queued_item_of_a_cancelled_caller_is_not_sent(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=100, max_waiting=100)
    tasks = await started(batching, "running")
    left, stays = await started(batching, "left", "stays")
    left.cancel()
    await asyncio.sleep(0)
    peer.go.set()
    await asyncio.gather(*tasks, stays)
    assert peer.batches == [["running"], ["stays"]]


@pytest.mark.parametrize("waits", [True, False])
async def test_a_cancelled_caller_returns_at_once_or_when_its_item_is_decided(peer: Peer, *, waits: bool) -> None:
    batching = Batching("words", peer.send, most=100, max_waiting=100, waits_for_decision=waits)
    (task,) = await started(batching, "sent")
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert task.done() is not waits
    peer.go.set()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_full_queue_refuses_at_once_with_retry_after(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=100, max_waiting=2)
    tasks = await started(batching, "running")
    tasks += await started(batching, "1", "2")
    with pytest.raises(TooManyWaiting) as refused:
        await batching.submit("3")
    assert refused.value.retry_after_s
    peer.go.set()
    await asyncio.gather(*tasks)


async def test_closing_sends_queued_items_and_refuses_new_ones(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=1, max_waiting=100, full=Exhausted)
    tasks = await started(batching, "1", "2")
    closing = asyncio.create_task(batching.close())
    await asyncio.sleep(0)
    with pytest.raises(Exhausted):
        await batching.submit("3")
    peer.go.set()
    await closing
    assert [task.result() for task in tasks] == ["1", "2"]


async def test_every_batch_is_sent_in_the_context_of_its_own_first_item(peer: Peer) -> None:
    batching = Batching("words", peer.send, most=2, max_waiting=100)
    peer.go.set()
    tasks = []
    for word in ("1", "2", "3"):
        trace.set(f"of {word}")
        tasks.append(asyncio.create_task(batching.submit(word)))
    trace.set("of nobody")
    await asyncio.gather(*tasks)
    assert (peer.batches, peer.traces) == ([["1", "2"], ["3"]], ["of 1", "of 3"])


async def test_a_sender_that_returns_another_number_of_results_leaves_no_caller_waiting() -> None:
    async def short(_: Sequence[str]) -> list[str]:
        return ["one"]

    batching = Batching("words", short, most=100, max_waiting=100)
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*(batching.submit(word) for word in ("1", "2")), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Internal, Internal]


async def test_an_item_added_as_the_last_batch_ends_is_sent() -> None:
    draw = random.Random(SEED)

    async def steps(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def away(_: Sequence[int]) -> list[int]:
        await steps(draw.randint(1, 4))
        raise Unavailable

    async def write(batching: Batching[int, int], number: int, after: int) -> str:
        await steps(after)
        try:
            await batching.submit(number)
        except Unavailable as error:
            return error.code
        return "written"

    async with asyncio.timeout(60):
        for _ in range(ROUNDS):
            batching = Batching("numbers", away, most=64, max_waiting=64, at_once=2, key=lambda number: number)
            told = await asyncio.gather(*(write(batching, number, draw.randint(0, 9)) for number in range(WRITERS)))
            assert set(told) == {"UNAVAILABLE"}
