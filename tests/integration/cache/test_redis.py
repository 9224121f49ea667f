"""Failures of Redis raise Unavailable within the timeout, and replies never reach another call."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from pixel_cache import RedisCache, RedisLeakyBuckets
from pixel_errors import Unavailable


async def test_an_unreachable_server_is_unavailable(free_port):
    cache = RedisCache(f"redis://127.0.0.1:{free_port}")
    for call in (cache.get("a"), cache.set("a", b"1", ttl_s=1), cache.delete("a"), cache.check()):
        with pytest.raises(Unavailable):
            await call
    await cache.close()


async def test_a_call_to_a_hanging_server_ends_after_the_timeout():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        cache = RedisCache(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=0.2)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await cache.get("a")
        assert time.monotonic() - began < 1.0
        await cache.close()


@pytest.mark.real
async def test_the_reply_of_a_cancelled_call_never_reaches_another_call(redis_url):
    cache = RedisCache(redis_url, timeout_s=2)
    for number in range(20):
        await cache.set(f"cancel:{number}", str(number).encode(), ttl_s=60)
    for turn in range(100):
        calls = [asyncio.create_task(cache.get(f"cancel:{number}")) for number in range(20)]
        for _ in range(turn % 7):
            await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        for number, call in enumerate(calls):
            with contextlib.suppress(asyncio.CancelledError):
                assert await call == str(number).encode()
    await cache.close()


async def test_a_take_from_a_hanging_server_ends_within_a_tenth_of_a_second():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        buckets = RedisLeakyBuckets(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await buckets.take("a", 1, capacity_us=1)
        assert time.monotonic() - began < 0.1
        await buckets.close()
