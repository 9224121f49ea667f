"""Concurrent submissions share one statement: those queued during the last statement go in the next, no timer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pixel_errors import DeadlineExceeded, Unavailable
from pixel_runtime.batching import AGAIN, Apart, Batching, Undecided

from pixel_generation.adapters.metrics import BATCH_SIZE
from pixel_generation.application.submission.ports import Decision, NewGeneration, Verdict
from pixel_generation.domain.errors import SubmissionsFull

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 256
MAX_WAITING = 8_192


class DecidesBatches(Protocol):
    async def decide(self, batch: Sequence[NewGeneration]) -> list[Decision]:
        """Decide each submission and write the accepted ones with their holds and events, atomically, in order.

        At least one submission of a batch is decided. Raises Unavailable with no effect known.
        """


class BatchedSubmissions:
    """A bounded queue in front of one statement at a time.

    A batch that the database refuses is halved until the failing item is alone. A cancelled caller's item is dropped.
    """

    def __init__(self, store: DecidesBatches, *, most: int = MOST, max_waiting: int = MAX_WAITING) -> None:
        self._store = store
        self._batching: Batching[NewGeneration, Decision] = Batching(
            "submissions",
            self._decide,
            most=most,
            max_waiting=max_waiting,
            full=SubmissionsFull,
            apart=Apart.HALVES,
            may_repeat=lambda error: not isinstance(error, Unavailable | DeadlineExceeded),
        )

    async def submit(self, item: NewGeneration) -> Decision:
        return await self._batching.submit(item)

    async def close(self) -> None:
        """Decide queued submissions; refuse new ones."""
        await self._batching.close()

    async def _decide(self, batch: Sequence[NewGeneration]) -> list[Decision | Exception | Undecided]:
        BATCH_SIZE.observe(len(batch))
        decisions = await self._store.decide(batch)
        return [AGAIN if decision.verdict is Verdict.AGAIN else decision for decision in decisions]
