from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.application.live.hub import UpdateKind
from pixel_gateway.domain.generation import Spec, Status


async def submitted(backstage, user_id: str, *, quietly: bool = False) -> str:
    accepted = await backstage.app.generations.submit(Submission(user_id, Spec("a"), "", "test"))
    if not quietly:
        backstage.app.live.publish(accepted.generation.as_progress())
    return accepted.generation.id


def moved(backstage, generation_id, status=Status.PROCESSING, progress=10):
    backstage.app.live.publish(backstage.generations.advance(generation_id, status, progress))


async def taken(updates, count: int) -> list[tuple[str, int]]:
    async with asyncio.timeout(5):
        got = [await anext(updates) for _ in range(count)]
    return [(each.event.generation_id, each.event.sequence) for each in got]


async def test_a_listener_gets_the_open_generations_then_each_event_of_all_own_generations(backstage, user_id):
    first, ended = await submitted(backstage, user_id), await submitted(backstage, user_id)
    moved(backstage, ended, Status.FAILED)
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        snapshot = await anext(updates)
        second = await submitted(backstage, user_id)
        moved(backstage, first)
        moved(backstage, second)

        assert (snapshot.kind, snapshot.is_whole) == (UpdateKind.SNAPSHOT, True)
        assert [(each.generation_id, each.sequence) for each in snapshot.generations] == [(first, 1)]
        assert await taken(updates, 3) == [(second, 1), (first, 2), (second, 2)]


async def test_events_of_other_users_are_not_sent(backstage, user_id):
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        await anext(updates)
        await submitted(backstage, "usr_" + "0" * 32)
        mine = await submitted(backstage, user_id)

        assert await taken(updates, 1) == [(mine, 1)]


async def test_a_client_resumes_after_any_position_without_gap_or_repeat(backstage, user_id):
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        await anext(updates)
        generations = [await submitted(backstage, user_id) for _ in range(3)]
        for generation_id in generations * 3:
            moved(backstage, generation_id)
        async with asyncio.timeout(5):
            all_told = [await anext(updates) for _ in range(12)]

    for index, update in enumerate(all_told[:-1]):
        async with aclosing(backstage.app.live.watch_user(user_id, update.position)) as resumed:
            rest = await taken(resumed, 11 - index)
        assert rest == [(each.event.generation_id, each.event.sequence) for each in all_told[index + 1 :]]


@pytest.mark.parametrize("position", ["", "no position", "9." + "0" * 32 + ".1", "0." + "a" * 32 + ".1"])
async def test_an_unknown_position_gets_a_resync_and_then_the_following_events(backstage, user_id, position):
    generation_id = await submitted(backstage, user_id)
    async with aclosing(backstage.app.live.watch_user(user_id, position)) as updates:
        first = await anext(updates)
        moved(backstage, generation_id)

        assert (first.kind, [each.generation_id for each in first.generations]) == (UpdateKind.RESYNC, [generation_id])
        assert await taken(updates, 1) == [(generation_id, 2)]


async def test_a_too_old_position_gets_a_resync(backstage, user_id):
    await submitted(backstage, user_id)
    backstage.user_events.oldest = 1
    async with aclosing(backstage.app.live.watch_user(user_id, backstage.user_events.position(0))) as updates:
        assert (await anext(updates)).kind is UpdateKind.RESYNC


async def test_events_in_the_snapshot_are_not_sent_again(backstage, user_id):
    backstage.user_events.horizon = 0  # stored and visible in the rows, not yet in commit order
    generation_id = await submitted(backstage, user_id, quietly=True)
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        snapshot = await anext(updates)
        backstage.user_events.horizon = None
        moved(backstage, generation_id)

        assert [each.sequence for each in snapshot.generations] == [1]
        assert await taken(updates, 1) == [(generation_id, 2)]


async def test_an_event_that_is_not_visible_yet_is_sent_soon_after_it_is(backstage, user_id, wait_until):
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        await anext(updates)
        backstage.user_events.horizon = 0
        generation_id = await submitted(backstage, user_id)
        told = asyncio.ensure_future(taken(updates, 1))
        reads = backstage.user_events.reads
        await wait_until(lambda: backstage.user_events.reads >= reads + 3)
        backstage.user_events.horizon = None

        async with asyncio.timeout(0.9):  # sooner than the poll
            assert await told == [(generation_id, 1)]


async def test_progress_continues_without_the_bus(backstage, user_id):
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        await anext(updates)
        generation_id = await submitted(backstage, user_id, quietly=True)

        assert await taken(updates, 1) == [(generation_id, 1)]


async def test_the_channel_stays_open_during_an_outage_of_the_store(backstage, user_id, wait_until):
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        await anext(updates)
        generation_id = await submitted(backstage, user_id)
        backstage.user_events.is_away = True
        told = asyncio.ensure_future(taken(updates, 1))
        reads = backstage.user_events.reads
        await wait_until(lambda: backstage.user_events.reads > reads)
        backstage.user_events.is_away = False

        assert await told == [(generation_id, 1)]


async def test_completed_is_sent_once_the_set_can_be_read_and_later_events_wait(backstage, user_id, wait_until):
    generation_id = await submitted(backstage, user_id)
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        await anext(updates)
        moved(backstage, generation_id, Status.COMPLETED, 100)
        later = await submitted(backstage, user_id)
        told = asyncio.ensure_future(taken(updates, 2))
        lookups = backstage.sets.lookups
        await wait_until(lambda: backstage.sets.lookups >= lookups + 2)
        assert not told.done()
        backstage.sets.add(backstage.generations.rows[generation_id])

        assert await told == [(generation_id, 2), (later, 1)]


async def test_a_generation_whose_set_is_missing_is_in_the_snapshot_and_its_end_is_sent(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    moved(backstage, generation_id, Status.COMPLETED, 100)
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        snapshot = await anext(updates)
        backstage.sets.add(backstage.generations.rows[generation_id])
        async with asyncio.timeout(5):
            end = await anext(updates)

        (shown,) = snapshot.generations
        assert (shown.status, shown.progress, snapshot.position) == (Status.PROCESSING, 95, "")
        assert (end.event.sequence, end.event.status) == (2, Status.COMPLETED)
        assert end.position


async def test_a_snapshot_is_bounded_and_marked_as_truncated(backstage, user_id):
    for _ in range(1_001):
        await submitted(backstage, user_id, quietly=True)
    async with aclosing(backstage.app.live.watch_user(user_id)) as updates:
        snapshot = await anext(updates)

    assert (len(snapshot.generations), snapshot.is_whole) == (1_000, False)


async def test_listeners_at_the_same_position_share_one_read(backstage, user_id):
    channels = [backstage.app.live.watch_user(user_id) for _ in range(20)]
    for updates in channels:
        await anext(updates)
    waiting = [asyncio.ensure_future(taken(updates, 1)) for updates in channels]
    await asyncio.sleep(0)
    reads = backstage.user_events.reads
    await submitted(backstage, user_id)
    await asyncio.gather(*waiting)

    assert backstage.user_events.reads - reads <= 2
    for updates in channels:
        await updates.aclose()
    assert backstage.app.live.listener_count() == 0


async def test_closing_ends_the_channels(backstage, user_id):
    updates = backstage.app.live.watch_user(user_id)
    await anext(updates)
    backstage.app.live.close_streams()

    async with asyncio.timeout(5):
        assert [each async for each in updates] == []
