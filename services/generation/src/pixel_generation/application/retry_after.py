"""When it is worth asking again, reckoned from the queue as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.domain.queue_outline import QueueOutline

UNKNOWN_S = 5.0
"""While nobody knows how fast the queue moves."""
CLOSED_S = 60.0
"""A lane that an operator drains opens when they say so."""
SHORTEST_S, LONGEST_S = 1.0, 60.0
PART_THAT_ENDS = 10
"""A tenth of a full queue has ended by then: asked for each single end, a busy sender would be refused every time."""


def own_jobs_end_s(outline: QueueOutline | None, user_id: UUID, max_open_jobs: int) -> float:
    """Seconds until a tenth of the user's jobs, at least one, have ended at the user's fair share of the lane."""
    if outline is None:
        return UNKNOWN_S
    share = outline.shares.get(user_id)
    weights = sum(each.weight for each in outline.shares.values())
    part = share.weight / weights if share is not None else 1.0
    return _bounded(max(1, max_open_jobs // PART_THAT_ENDS) * outline.pace_s() / part)


def lane_has_room_s(outline: QueueOutline | None, refused: int) -> float:
    """Seconds until the lane has taken up as many jobs as were refused in the last second, at least one."""
    return UNKNOWN_S if outline is None else _bounded(max(1, refused) * outline.pace_s())


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_S), LONGEST_S)
