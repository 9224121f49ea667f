"""Contract of the caches: in process and Redis."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from pixel_cache import InProcessCache, RedisCache


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
def unopened(request):
    if request.param == "embedded":
        return InProcessCache()
    return RedisCache(request.getfixturevalue("redis_url"), timeout_s=2)


@pytest.fixture
async def cache(unopened):
    yield unopened
    await unopened.close()


@pytest.fixture
def key():
    return f"test:{secrets.token_hex(6)}"


@pytest.mark.parametrize("value", [b"", b"one", bytes(range(256)) * 400], ids=["empty", "short", "100 KB"])
async def test_a_value_reads_back_as_it_was_set(cache, key, value):
    await cache.set(key, value, ttl_s=60)
    assert await cache.get(key) == value


async def test_a_key_that_was_never_set_is_a_miss(cache, key):
    assert await cache.get(key) is None


async def test_the_newest_value_wins(cache, key):
    await cache.set(key, b"one", ttl_s=60)
    await cache.set(key, b"two", ttl_s=60)
    assert await cache.get(key) == b"two"


async def test_a_value_expires_after_its_time_to_live(cache, key, wait_until):
    await cache.set(key, b"one", ttl_s=0.05)

    async def is_gone():
        return await cache.get(key) is None

    await wait_until(is_gone, timeout_s=5)


async def test_setting_a_key_again_resets_its_time_to_live(cache, key, wait_until):
    await cache.set(key, b"one", ttl_s=0.05)
    await cache.set(key, b"two", ttl_s=60)
    await cache.set(f"{key}:short", b"", ttl_s=0.1)

    async def is_gone():
        return await cache.get(f"{key}:short") is None

    await wait_until(is_gone, timeout_s=5)
    assert await cache.get(key) == b"two"


async def test_deleted_keys_are_misses_and_deleting_missing_keys_does_nothing(cache, key):
    await cache.set(f"{key}:1", b"one", ttl_s=60)
    await cache.set(f"{key}:2", b"two", ttl_s=60)
    await cache.delete(f"{key}:1", f"{key}:2", f"{key}:3")
    await cache.delete()
    assert [await cache.get(f"{key}:{number}") for number in (1, 2, 3)] == [None] * 3


@pytest.mark.parametrize("ttl_s", [0, -1, float("nan")])
async def test_a_time_to_live_that_is_not_positive_is_refused(cache, key, ttl_s):
    with pytest.raises(ValueError, match="ttl_s"):
        await cache.set(key, b"one", ttl_s=ttl_s)


async def test_concurrent_callers_get_their_own_values(cache, key):
    async def round_trip(number):
        value = str(number).encode()
        await cache.set(f"{key}:{number}", value, ttl_s=60)
        return await cache.get(f"{key}:{number}") == value

    assert all(await asyncio.gather(*(round_trip(number) for number in range(200))))


async def test_the_check_of_a_working_cache_succeeds_and_closing_is_idempotent(cache):
    await cache.check()
    await cache.close()
    await cache.close()
