"""The cache in process evicts by time and by number."""

from __future__ import annotations

import pytest
from pixel_cache import InProcessCache


class FakeSeconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_value_expires_exactly_at_its_time_to_live():
    seconds = FakeSeconds()
    cache = InProcessCache(clock=seconds)
    await cache.set("a", b"one", ttl_s=10)
    seconds.now += 9.999
    assert await cache.get("a") == b"one"
    seconds.now += 0.001
    assert await cache.get("a") is None


async def test_the_least_recently_used_value_is_evicted():
    cache = InProcessCache(max_entries=2)
    await cache.set("a", b"1", ttl_s=60)
    await cache.set("b", b"2", ttl_s=60)
    await cache.get("a")
    await cache.set("c", b"3", ttl_s=60)
    assert [await cache.get(key) for key in "abc"] == [b"1", None, b"3"]


def test_a_cache_without_entries_is_refused():
    with pytest.raises(ValueError, match="max_entries"):
        InProcessCache(max_entries=0)
