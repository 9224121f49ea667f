from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from pixel_errors import Internal, PixelError, Unavailable
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.application.submission.ports import Decision, NewGeneration, Verdict
from pixel_generation.domain.errors import SubmissionsFull
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.work.image import ImageWork

from tests.fakes.generation import FakeClock, FakeRandomness, a_user
from tests.fakes.generation_outputs import image_of

RANDOM = FakeRandomness()


def item(prompt: str = "a fox") -> NewGeneration:
    now = FakeClock().now()
    job = Job(
        id=RANDOM.new_id(),
        user_id=a_user(),
        set_id=RANDOM.new_id(),
        work=ImageWork(prompt),
        queue="sketch",
        cost_credits=1,
        created_at=now,
        scheduled_at=now,
        deadline_at=now + timedelta(hours=1),
    )
    return NewGeneration(job, "", "", b"")


class GatedSubmissions:
    """Blocks each batch until the test releases it; refuses batches with poison in them."""

    def __init__(self) -> None:
        self.hold_reason = asyncio.Event()
        self.hold_reason.set()
        self.batches: list[list[str]] = []
        self.error: Exception | None = None
        self.undecided: set[str] = set()

    async def decide(self, batch: Sequence[NewGeneration]) -> list[Decision]:
        prompts = [image_of(entry.job).prompt for entry in batch]
        self.batches.append(prompts)
        await self.hold_reason.wait()
        if self.error is not None:
            raise self.error
        if "poison" in prompts:
            raise RuntimeError("a value the database does not take")
        again, self.undecided = self.undecided & set(prompts), set()
        return [
            Decision(Verdict.AGAIN if image_of(entry.job).prompt in again else Verdict.ACCEPTED, entry.job.id)
            for entry in batch
        ]


@pytest.fixture
def store() -> GatedSubmissions:
    return GatedSubmissions()


@pytest.fixture
async def submissions(store: GatedSubmissions) -> AsyncIterator[BatchedSubmissions]:
    submissions = BatchedSubmissions(store, most=4, max_waiting=8)
    yield submissions
    store.hold_reason.set()
    await submissions.close()


async def queue(submissions: BatchedSubmissions, *prompts: str) -> list[asyncio.Task[Decision]]:
    tasks = [asyncio.create_task(submissions.submit(item(prompt))) for prompt in prompts]
    await asyncio.sleep(0)
    return tasks


async def test_submissions_that_queue_during_a_statement_share_the_next_one(
    submissions: BatchedSubmissions, store: GatedSubmissions
) -> None:
    store.hold_reason.clear()
    first = await queue(submissions, "1")
    await asyncio.sleep(0)
    rest = await queue(submissions, "2", "3", "4", "5", "6")
    store.hold_reason.set()
    await asyncio.gather(*first, *rest)
    assert store.batches == [["1"], ["2", "3", "4", "5"], ["6"]]


async def test_an_undecided_submission_goes_first_in_the_next_batch(
    submissions: BatchedSubmissions, store: GatedSubmissions
) -> None:
    store.undecided = {"1"}
    decisions = await asyncio.gather(*await queue(submissions, "1", "2"))
    assert [decision.verdict for decision in decisions] == [Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert store.batches == [["1", "2"], ["1"]]


async def test_one_poisoned_submission_does_not_fail_the_others(
    submissions: BatchedSubmissions, store: GatedSubmissions
) -> None:
    results = await asyncio.gather(*await queue(submissions, "1", "2", "poison", "4"), return_exceptions=True)
    assert isinstance(results[2], Internal)
    assert [result.verdict for result in results if isinstance(result, Decision)] == [Verdict.ACCEPTED] * 3


async def test_every_caller_gets_unavailable_while_the_store_is_unreachable_and_later_ones_succeed(
    submissions: BatchedSubmissions, store: GatedSubmissions
) -> None:
    store.error = Unavailable("the database cannot be reached", retry_after_s=1.0)
    results = await asyncio.gather(*await queue(submissions, "1", "2"), return_exceptions=True)
    assert all(isinstance(result, Unavailable) and result.retry_after_s == 1.0 for result in results)
    assert results[0] is not results[1]
    assert store.batches == [["1", "2"]]
    store.error = None
    assert (await submissions.submit(item())).verdict is Verdict.ACCEPTED


async def test_a_full_queue_refuses_at_once_with_retry_after(
    submissions: BatchedSubmissions, store: GatedSubmissions
) -> None:
    store.hold_reason.clear()
    first = await queue(submissions, "0")
    await asyncio.sleep(0)
    rest = await queue(submissions, *(str(n) for n in range(1, 9)))
    with pytest.raises(SubmissionsFull) as refused:
        await submissions.submit(item())
    assert refused.value.retry_after_s
    store.hold_reason.set()
    await asyncio.gather(*first, *rest)


async def test_a_queued_submission_of_a_cancelled_caller_is_dropped(
    submissions: BatchedSubmissions, store: GatedSubmissions
) -> None:
    store.hold_reason.clear()
    first = await queue(submissions, "1")
    await asyncio.sleep(0)
    gone, stays = await queue(submissions, "gone", "stays")
    gone.cancel()
    store.hold_reason.set()
    await asyncio.gather(*first, stays)
    assert store.batches == [["1"], ["stays"]]


async def test_stopping_decides_queued_submissions_and_refuses_new_ones(
    submissions: BatchedSubmissions, store: GatedSubmissions
) -> None:
    tasks = await queue(submissions, "1", "2")
    await submissions.close()
    assert all(task.done() for task in tasks)
    with pytest.raises(PixelError):
        await submissions.submit(item())
