from __future__ import annotations

import asyncio
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st
from pixel_social.application.sets.record_set import RecordSet, record_set

from tests.fakes.social import FakeStore, make_image_set


async def test_a_set_is_recorded_and_each_image_published():
    store = FakeStore()
    image_set = make_image_set(1, images=3)
    assert await record_set(RecordSet("event-1", image_set), store=store)
    assert store.tables.sets == {image_set.id: image_set}
    assert store.tables.announced == [image.id for image in image_set.images]


async def test_another_event_about_a_known_set_changes_nothing():
    store = FakeStore()
    await record_set(RecordSet("event-1", make_image_set(1)), store=store)
    assert not await record_set(RecordSet("event-2", make_image_set(1)), store=store)
    assert len(store.tables.announced) == 1


@given(
    deliveries=st.lists(st.integers(1, 6), min_size=1, max_size=30),
    order=st.randoms(use_true_random=False),
)
def test_repeated_and_reordered_events_make_one_set_for_each_generation(deliveries, order):
    order.shuffle(deliveries)
    store = FakeStore()

    async def deliver() -> None:
        commands = [RecordSet(f"event-{number}", make_image_set(number, images=2)) for number in deliveries]
        await asyncio.gather(*(record_set(command, store=store) for command in commands))

    asyncio.run(deliver())
    expected = {make_image_set(number).id for number in deliveries}
    assert set(store.tables.sets) == expected
    pictures = chain.from_iterable(image_set.images for image_set in store.tables.sets.values())
    assert sorted(store.tables.announced) == sorted(image.id for image in pictures)
