"""Retry-After of refused submissions, computed from the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.domain.queueing.queue_snapshot import QueueSnapshot

UNKNOWN_S = 5.0
"""Used when the throughput of the queue is unknown."""
CLOSED_S = 60.0
"""For a queue drained by an operator."""
SHORTEST_S, LONGEST_S = 1.0, 60.0
PART_THAT_ENDS = 10
"""Wait until a tenth of the jobs ended: waiting for a single end, a busy sender would be refused every time."""


def own_jobs_end_s(snapshot: QueueSnapshot | None, user_id: UUID, max_open_jobs: int) -> float:
    """Return the seconds until a tenth of the user's jobs, at least one, ended at the user's fair share."""
    if snapshot is None:
        return UNKNOWN_S
    share = snapshot.shares.get(user_id)
    weights = sum(each.weight for each in snapshot.shares.values())
    part = share.weight / weights if share is not None else 1.0
    return _bounded(max(1, max_open_jobs // PART_THAT_ENDS) * snapshot.pace_s() / part)


def queue_has_capacity_s(snapshot: QueueSnapshot | None, refused: int) -> float:
    """Return the seconds until as many jobs ended as were refused in the last second, at least one."""
    return UNKNOWN_S if snapshot is None else _bounded(max(1, refused) * snapshot.pace_s())


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_S), LONGEST_S)
