"""Snapshots of the queue in memory."""

from __future__ import annotations

from pixel_generation.domain.jobs.job import Status
from pixel_generation.domain.queueing.estimate import EstimateAccuracy
from pixel_generation.domain.queueing.queue_snapshot import FinishedRun, QueueSnapshot, Share

from tests.fakes.generation import FakeStore


class FakeQueueSnapshots:
    """Reads the rows of the store in memory."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.trouble: Exception | None = None

    async def snapshot(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot:
        if self.trouble is not None:
            raise self.trouble
        rows = [row for row in self._store.rows.values() if row.job.queue == queue]
        waiting = sorted((int(row.priority), row.virtual_start) for row in rows if row.job.status is Status.QUEUED)
        done = [row.job for row in rows if row.job.status is Status.COMPLETED]
        return QueueSnapshot(
            virtual_time=self._store.virtual_time.get(queue, 0.0),
            waiting=waiting,
            shares={user: Share(finish) for (of, user), finish in self._store.shares.items() if of == queue},
            running=sum(row.job.status is Status.PROCESSING for row in rows),
            slots=slots,
            runs=[
                FinishedRun((job.ended_at - job.started_at).total_seconds(), len(job.outputs))
                for job in done
                if job.ended_at and job.started_at
            ],
            typical_s=typical_s,
        )


class FakeQueueCounts:
    """Counts the rows of the store in memory."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.max_queued = 200_000
        self.trouble: Exception | None = None
        self.counted = 0

    async def count(self, queue: str) -> tuple[int, int]:
        self.counted += 1
        if self.trouble is not None:
            raise self.trouble
        waiting = [
            row for row in self._store.rows.values() if row.job.status is Status.QUEUED and row.job.queue == queue
        ]
        return min(len(waiting), self.max_queued), self.max_queued


class FakeEtaObserver:
    """Records the results of quotes."""

    def __init__(self) -> None:
        self.seen: list[EstimateAccuracy] = []

    def started(self, estimate_accuracy: EstimateAccuracy) -> None:
        self.seen.append(estimate_accuracy)
