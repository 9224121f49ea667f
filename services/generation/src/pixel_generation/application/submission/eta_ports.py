"""What quotes of starts need from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pixel_generation.domain.queueing.estimate import EstimateAccuracy
    from pixel_generation.domain.queueing.queue_snapshot import QueueSnapshot


class QueueSnapshots(Protocol):
    async def snapshot(self, queue: str, *, slots: int, typical_s: float) -> QueueSnapshot:
        """Read who waits in the queue, in order and up to a bound, what runs, and the latest run times."""


class EtaObserver(Protocol):
    """Counts how quotes of starts turned out."""

    def started(self, estimate_accuracy: EstimateAccuracy) -> None: ...
