from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from pixel_errors import NotFound
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.application.live.hub import UpdateKind
from pixel_gateway.domain.generation import Spec, Status


async def submitted(backstage, user_id: str) -> str:
    accepted = await backstage.app.generations.submit(Submission(user_id, Spec("a"), "", "test"))
    return accepted.generation.id


async def collect(updates) -> list[tuple[str, int, str]]:
    async with asyncio.timeout(5), aclosing(updates):
        return [(str(each.kind), each.progress.sequence, str(each.progress.status)) async for each in updates]


async def test_a_watcher_sees_a_snapshot_then_each_event_once_and_in_order(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    first = await anext(updates)
    events = [backstage.generations.advance(generation_id, Status.PROCESSING, progress) for progress in (10, 50)]
    for event in (events[0], events[0], events[1]):
        backstage.app.live.publish(event)
    backstage.finish(generation_id)

    rest = await collect(updates)

    assert (first.kind, first.progress.sequence) == (UpdateKind.SNAPSHOT, 1)
    assert rest == [("event", 2, "processing"), ("event", 3, "processing"), ("event", 4, "completed")]
    assert backstage.app.live.watched_generation_count() == 0


async def test_a_gap_is_filled_from_the_store(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    await anext(updates)
    backstage.generations.advance(generation_id, Status.PROCESSING, 10)
    backstage.generations.advance(generation_id, Status.PROCESSING, 50)
    backstage.finish(generation_id)  # only this one arrives

    assert [sequence for _, sequence, _ in await collect(updates)] == [2, 3, 4]


async def test_events_out_of_order_are_put_in_order(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    await anext(updates)
    events = [backstage.generations.advance(generation_id, Status.PROCESSING, progress) for progress in (10, 50)]
    for event in reversed(events):
        backstage.app.live.publish(event)
    backstage.finish(generation_id)

    assert [sequence for _, sequence, _ in await collect(updates)] == [2, 3, 4]


async def test_a_slow_watcher_reads_from_the_store(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    await anext(updates)
    for number in range(500):
        backstage.app.live.publish(backstage.generations.advance(generation_id, Status.PROCESSING, number // 5))
    backstage.finish(generation_id)

    assert [sequence for _, sequence, _ in await collect(updates)] == [*range(2, 503)]


async def test_a_client_that_resumes_gets_the_missed_events(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    for progress in (10, 50):
        backstage.generations.advance(generation_id, Status.PROCESSING, progress)
    backstage.finish(generation_id)

    missed = await collect(backstage.app.live.watch_generation(user_id, generation_id, after=2))

    assert missed == [("event", 3, "processing"), ("event", 4, "completed")]


@pytest.mark.parametrize("after", [99, -1])
async def test_an_unknown_resume_id_gets_a_resync(backstage, user_id, after):
    generation_id = await submitted(backstage, user_id)
    backstage.finish(generation_id)

    assert await collect(backstage.app.live.watch_generation(user_id, generation_id, after)) == [
        ("resync", 2, "completed")
    ]


async def test_resuming_after_the_end_shows_the_end(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    backstage.finish(generation_id)

    assert await collect(backstage.app.live.watch_generation(user_id, generation_id, 2)) == [
        ("snapshot", 2, "completed")
    ]


async def test_completion_is_sent_once_the_set_can_be_read(backstage, user_id, wait_until):
    generation_id = await submitted(backstage, user_id)
    backstage.generations.advance(generation_id, Status.COMPLETED, 100)
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    held = await anext(updates)
    rest = asyncio.create_task(collect(updates))
    lookups = backstage.sets.lookups
    await wait_until(lambda: backstage.sets.lookups >= lookups + 2)
    assert not rest.done()

    backstage.sets.add(backstage.generations.rows[generation_id])

    assert (held.progress.status, held.progress.progress, held.progress.sequence) == ("processing", 95, 1)
    assert await rest == [("event", 2, "completed")]


async def test_progress_continues_without_the_bus(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    stop = asyncio.Event()
    looking = asyncio.create_task(backstage.app.live.poll_silent_generations(stop))
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    await anext(updates)
    backstage.generations.advance(generation_id, Status.FAILED, 50)  # nothing is published

    assert await collect(updates) == [("event", 2, "failed")]
    stop.set()
    await looking


async def test_the_stream_stays_open_during_an_outage_of_the_store(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    await anext(updates)
    backstage.generations.advance(generation_id, Status.PROCESSING, 50)
    event = backstage.generations.advance(generation_id, Status.FAILED, 50)
    backstage.generations.is_away = True
    backstage.app.live.publish(event)
    rest = asyncio.create_task(collect(updates))
    await asyncio.sleep(0)
    backstage.generations.is_away = False

    assert [sequence for _, sequence, _ in await rest] == [2, 3]


async def test_another_users_generation_cannot_be_watched(backstage, user_id):
    generation_id = await submitted(backstage, user_id)

    with pytest.raises(NotFound):
        await anext(backstage.app.live.watch_generation("usr_" + "0" * 32, generation_id))
    assert backstage.app.live.watched_generation_count() == 0


async def test_closing_the_hub_ends_the_streams(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    await anext(updates)
    rest = asyncio.create_task(collect(updates))
    await asyncio.sleep(0)

    backstage.app.live.close_streams()

    assert await rest == []
    assert backstage.app.live.watcher_count() == 0


async def test_watchers_that_wait_for_one_set_share_the_lookups(backstage, user_id, wait_until):
    generation_id = await submitted(backstage, user_id)
    event = backstage.generations.advance(generation_id, Status.COMPLETED, 100)
    generation = backstage.generations.rows[generation_id]
    waits = [asyncio.create_task(backstage.completion.wait_readable(event.set_id, user_id)) for _ in range(100)]
    await wait_until(lambda: backstage.sets.lookups)
    backstage.sets.add(generation)

    await asyncio.gather(*waits)

    assert backstage.sets.lookups <= 3


async def test_a_watcher_of_a_job_that_its_user_retried_sees_the_new_round(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    for status in (Status.FAILED, Status.QUEUED):
        backstage.generations.advance(generation_id, status, 0)
    updates = backstage.app.live.watch_generation(user_id, generation_id)
    first = await anext(updates)
    backstage.finish(generation_id)

    assert (first.progress.status, first.progress.sequence) == (Status.QUEUED, 3)
    assert await collect(updates) == [("event", 4, "completed")]


async def test_a_client_that_resumes_before_the_end_of_an_old_round_gets_both_rounds(backstage, user_id):
    generation_id = await submitted(backstage, user_id)
    for status in (Status.FAILED, Status.QUEUED):
        backstage.generations.advance(generation_id, status, 0)
    backstage.finish(generation_id)

    told = await collect(backstage.app.live.watch_generation(user_id, generation_id, after=1))

    assert told == [("event", 2, "failed"), ("event", 3, "queued"), ("event", 4, "completed")]
