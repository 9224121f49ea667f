from __future__ import annotations

import asyncio

import pytest
from pixel_runtime import Loop, every, unless


@pytest.mark.parametrize(("once_more", "times"), [(False, 3), (True, 4)])
async def test_periodic_work_is_done_at_once_and_after_each_pause_until_the_stop(once_more, times):
    done = 0
    stop = asyncio.Event()

    async def work() -> None:
        nonlocal done
        done += 1
        if done == 3:
            stop.set()

    await asyncio.wait_for(every(0.001, work, once_more=once_more)(stop), 5)
    assert done == times


async def test_a_stop_does_not_wait_for_the_end_of_the_pause():
    worked = asyncio.Event()

    async def work() -> None:
        worked.set()

    loop = Loop("tests", every(3600, work))
    await loop.start()
    await asyncio.wait_for(worked.wait(), 5)
    await asyncio.wait_for(loop.stop(), 5)


async def test_work_that_is_done_before_the_stop_is_done():
    assert await unless(asyncio.Event(), asyncio.sleep(0))


async def test_a_stop_cancels_the_work_and_waits_for_its_end():
    stop, ended = asyncio.Event(), False

    async def work() -> None:
        nonlocal ended
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            ended = True

    assert not await asyncio.wait_for(unless(stop, work()), 5)
    assert ended


async def test_an_error_of_the_work_is_raised():
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await unless(asyncio.Event(), work())
