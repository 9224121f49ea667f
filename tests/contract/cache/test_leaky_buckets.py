"""Contract of the leaky buckets: in process and Redis."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from pixel_cache import InProcessLeakyBuckets, RedisLeakyBuckets
from pixel_gateway.application.load.rate_limiting import Buckets

CONTRACTS = {Buckets: (InProcessLeakyBuckets, RedisLeakyBuckets)}

MINUTE_US = 60_000_000


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
def unopened(request):
    if request.param == "embedded":
        return InProcessLeakyBuckets()
    return RedisLeakyBuckets(request.getfixturevalue("redis_url"), timeout_s=2)


@pytest.fixture
async def buckets(unopened):
    yield unopened
    await unopened.close()


@pytest.fixture
def key():
    return f"test:{secrets.token_hex(6)}"


async def test_a_bucket_takes_what_fits_and_refuses_the_next(buckets, key):
    taken = [await buckets.take(key, MINUTE_US // 3, capacity_us=MINUTE_US) for _ in range(4)]

    assert [taken.accepted for taken in taken] == [True, True, True, False]
    assert MINUTE_US * 0.95 < taken[-1].level_us <= MINUTE_US


async def test_a_refused_take_adds_nothing(buckets, key):
    await buckets.take(key, MINUTE_US, capacity_us=MINUTE_US)
    levels = [(await buckets.take(key, MINUTE_US, capacity_us=MINUTE_US)).level_us for _ in range(5)]

    assert levels == sorted(levels, reverse=True)
    assert levels[0] <= MINUTE_US


async def test_a_full_bucket_drains(buckets, key, wait_until):
    await buckets.take(key, 50_000, capacity_us=50_000)
    assert not (await buckets.take(key, 50_000, capacity_us=50_000)).accepted

    async def fits():
        return (await buckets.take(key, 50_000, capacity_us=50_000)).accepted

    await wait_until(fits, timeout_s=5)


async def test_buckets_of_different_keys_are_independent(buckets, key):
    await buckets.take(key, MINUTE_US, capacity_us=MINUTE_US)

    assert (await buckets.take(f"{key}:other", MINUTE_US, capacity_us=MINUTE_US)).accepted


async def test_concurrent_takes_never_exceed_the_capacity(buckets, key):
    taken = await asyncio.gather(*(buckets.take(key, MINUTE_US // 10, capacity_us=MINUTE_US) for _ in range(50)))

    assert sum(each.accepted for each in taken) == 10


@pytest.mark.parametrize(("amount_us", "capacity_us"), [(0, 1), (-1, 1), (1, 0)])
async def test_a_take_of_zero_is_refused(buckets, key, amount_us, capacity_us):
    with pytest.raises(ValueError, match="amount_us"):
        await buckets.take(key, amount_us, capacity_us=capacity_us)
