"""A cache in the memory of one process."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from pixel_cache.cache import require_ttl
from pixel_cache.metrics import Lookups

if TYPE_CHECKING:
    from collections.abc import Callable

LOOKUPS = Lookups.of("in_process")


class InProcessCache:
    """Keeps at most `max_entries` values and evicts the least recently used. `clock` counts seconds."""

    def __init__(self, max_entries: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, not {max_entries}")
        self._max_entries = max_entries
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            LOOKUPS.misses.inc()
            return None
        ends_at, value = entry
        if self._clock() >= ends_at:
            del self._entries[key]
            LOOKUPS.misses.inc()
            return None
        self._entries.move_to_end(key)
        LOOKUPS.hits.inc()
        return value

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        require_ttl(ttl_s)
        self._entries[key] = (self._clock() + ttl_s, bytes(value))
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    async def delete(self, *keys: str) -> None:
        for key in keys:
            self._entries.pop(key, None)

    async def check(self) -> None:
        """Return at once: memory is always available."""

    async def close(self) -> None:
        self._entries.clear()
