"""Exponential backoff with jitter."""

from __future__ import annotations

MOST_DOUBLINGS = 30


def backoff_s(failures: int, *, first_s: float, longest_s: float, draw: float = 1.0) -> float:
    """Return the pause after this many consecutive failures: `first_s` after one, doubled by each further one, bounded.

    `draw`, uniform in [0, 1), gives full jitter: callers that failed together do not retry together.
    """
    doublings = min(max(failures - 1, 0), MOST_DOUBLINGS)
    return draw * min(longest_s, first_s * 2.0**doublings)
