"""Leaky buckets used as meters: each drains one microsecond per microsecond, and an overflowing take is refused.

The generic cell rate algorithm of ITU-T I.371 is this meter: a limit of q requests in w microseconds is a bucket of
w, into which each request takes w / q. Whole microseconds, so that every backend rounds alike.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Taken(NamedTuple):
    """The result of a take."""

    accepted: bool
    level_us: int
    """The level of the bucket now; a refused take adds nothing."""


class LeakyBuckets(Protocol):
    """Buckets by key; an unused bucket is empty. A failure of the backend raises Unavailable."""

    async def take(self, key: str, amount_us: int, *, capacity_us: int) -> Taken:
        """Add the amount unless the bucket would overflow; both are positive (ValueError)."""

    async def close(self) -> None:
        """Close the connections; idempotent."""


class InProcessLeakyBuckets:
    """Buckets in the memory of one process: at most `max_buckets`; the least recently used is evicted."""

    def __init__(self, max_buckets: int = 100_000, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._max_buckets = max_buckets
        self._clock_ns = clock_ns
        self._empty_at_us: OrderedDict[str, int] = OrderedDict()

    async def take(self, key: str, amount_us: int, *, capacity_us: int) -> Taken:
        require_positive(amount_us, capacity_us)
        now_us = self._clock_ns() // 1000
        level_us = max(self._empty_at_us.get(key, 0) - now_us, 0)
        if level_us + amount_us > capacity_us:
            return Taken(accepted=False, level_us=level_us)
        self._empty_at_us[key] = now_us + level_us + amount_us
        self._empty_at_us.move_to_end(key)
        if len(self._empty_at_us) > self._max_buckets:
            self._empty_at_us.popitem(last=False)
        return Taken(accepted=True, level_us=level_us + amount_us)

    async def close(self) -> None:
        self._empty_at_us.clear()


def require_positive(amount_us: int, capacity_us: int) -> None:
    """Raise ValueError for an amount or a capacity that is not positive."""
    if amount_us < 1 or capacity_us < 1:
        raise ValueError(f"amount_us and capacity_us must be positive, not {amount_us} and {capacity_us}")
