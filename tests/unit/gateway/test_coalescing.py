from __future__ import annotations

import asyncio

import pytest
from pixel_errors import Internal, Invalid, Unavailable
from pixel_gateway.adapters.outbound.generation.coalescing import Coalescer, SubmissionsWaiting
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.domain.generation import Spec


class Peer:
    """Returns the prompt of each submission, when released."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = asyncio.Event()

    async def send_many(self, submissions):
        prompts = [each.spec.prompt for each in submissions]
        self.batches.append(prompts)
        await self.go.wait()
        return [Invalid(prompt) if prompt.startswith("bad") else prompt for prompt in prompts]


def submission(prompt: str) -> Submission:
    return Submission("usr_1", Spec(prompt), "", "test")


async def started(coalescer: Coalescer, prompts: list[str]) -> list[asyncio.Task]:
    tasks = [asyncio.create_task(coalescer.submit(submission(prompt))) for prompt in prompts]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_submissions_that_queue_during_calls_share_the_next_one():
    peer = Peer()
    coalescer = Coalescer(peer.send_many, max_calls=2)
    tasks = await started(coalescer, [str(number) for number in range(10)])
    peer.go.set()

    assert await asyncio.gather(*tasks) == [str(number) for number in range(10)]
    assert [len(batch) for batch in peer.batches] == [1, 1, 8]


async def test_a_batch_has_a_maximum_size():
    peer = Peer()
    coalescer = Coalescer(peer.send_many, max_calls=1, max_batch=4)
    tasks = await started(coalescer, [str(number) for number in range(10)])
    peer.go.set()
    await asyncio.gather(*tasks)

    assert [len(batch) for batch in peer.batches] == [1, 4, 4, 1]


async def test_a_rejection_reaches_its_own_caller_only():
    peer = Peer()
    coalescer = Coalescer(peer.send_many, max_calls=1)
    tasks = await started(coalescer, ["first", "good", "bad", "fine"])
    peer.go.set()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(outcome).__name__ for outcome in outcomes] == ["str", "str", "Invalid", "str"]


async def test_a_failed_call_fails_all_its_submissions():
    async def away(_):
        raise Unavailable("away", metadata={"peer": "generation"}, retry_after_s=2)

    coalescer = Coalescer(away)
    outcomes = await asyncio.gather(*(coalescer.submit(submission("a")) for _ in range(5)), return_exceptions=True)

    errors = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert len(errors) == len(outcomes)
    assert {(error.detail, error.metadata["peer"], error.retry_after_s) for error in errors} == {
        ("away", "generation", 2)
    }
    assert len({id(error) for error in errors}) == len({id(error.metadata) for error in errors}) == 5


async def test_an_unexpected_failure_of_a_call_is_internal_and_keeps_its_cause():
    async def broken(_):
        raise RuntimeError("broken")

    with pytest.raises(Internal) as told:
        await Coalescer(broken).submit(submission("a"))

    assert isinstance(told.value.__cause__, RuntimeError)


async def test_a_queued_item_of_a_cancelled_caller_is_not_sent():
    peer = Peer()
    coalescer = Coalescer(peer.send_many, max_calls=1)
    tasks = await started(coalescer, ["running", "left", "stays"])
    tasks[1].cancel()
    await asyncio.sleep(0)
    peer.go.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert peer.batches == [["running"], ["stays"]]


async def test_submissions_beyond_the_queue_limit_are_refused_with_retry_after():
    peer = Peer()
    coalescer = Coalescer(peer.send_many, max_calls=1, max_waiting=2)
    tasks = await started(coalescer, ["running", "1", "2"])

    with pytest.raises(SubmissionsWaiting) as refused:
        await coalescer.submit(submission("3"))

    assert refused.value.retry_after_s
    peer.go.set()
    await asyncio.gather(*tasks)
    await coalescer.close()
