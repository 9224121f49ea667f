"""Metrics of the caches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import Counter

if TYPE_CHECKING:
    from typing import Self

_LOOKUPS = Counter("pixel_cache_lookups_total", "Cache look-ups by result: hit, miss or error.", ["backend", "result"])


class Lookups(NamedTuple):
    """The counters of one backend."""

    hits: Counter
    misses: Counter
    errors: Counter

    @classmethod
    def of(cls, backend: str) -> Self:
        """Look up the labelled counters of a backend once."""
        return cls(*(_LOOKUPS.labels(backend, result) for result in ("hit", "miss", "error")))
