"""Contract of the social store: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from pixel_postgres import Pool, fetch_all, open_pool
from pixel_social.adapters.outbound.postgres.feed import PostgresFeed
from pixel_social.adapters.outbound.postgres.sets import PostgresSets, PostgresStore, PostgresTransaction
from pixel_social.application.feed.discover import Discover, discover
from pixel_social.application.feed.ports import Feed
from pixel_social.application.sets.ports import Sets, Store, Transaction
from pixel_social.application.sets.record_set import RecordSet, record_set
from pixel_social.domain.feed.feed import FeedFilter, Sort

from tests.fakes.social import FakeFeed, FakeSets, FakeStore, FakeTransaction, make_image_set

CONTRACTS = {
    Store: (FakeStore, PostgresStore),
    Transaction: (FakeTransaction, PostgresTransaction),
    Sets: (FakeSets, PostgresSets),
    Feed: (FakeFeed, PostgresFeed),
}


@dataclass
class Backend:
    store: Store
    sets: Sets
    feed: Feed
    pool: Pool | None = None

    async def announced(self) -> int:
        """Count the activities queued."""
        if self.pool is None:
            assert isinstance(self.store, FakeStore)
            return len(self.store.tables.announced)
        async with self.pool.autocommit() as connection:
            return len(await fetch_all(connection, "SELECT id FROM outbox WHERE topic = 'user.activities'"))


@pytest.fixture
def fake_backend():
    store = FakeStore()
    return Backend(store, FakeSets(store), FakeFeed(store))


@pytest.fixture
async def real_backend(make_database):
    database = await make_database("social")
    async with open_pool(database.url, schema="social", application="test") as pool:
        yield Backend(PostgresStore(pool), PostgresSets(pool), PostgresFeed(pool), pool)


@pytest.fixture(params=["fake", "real"])
def backend(request):
    return request.getfixturevalue(f"{request.param}_backend")


async def test_a_set_reads_back_as_it_was_written(backend):
    image_set = make_image_set(1, images=3, style="ink", private=True)
    await record_set(RecordSet(str(uuid4()), image_set), store=backend.store)
    assert await backend.sets.find_set(image_set.id) == image_set
    assert await backend.sets.find_set(UUID(int=7)) is None


async def test_an_event_delivered_many_times_at_once_makes_one_set(backend):
    command = RecordSet(str(uuid4()), make_image_set(1, images=2))
    results = await asyncio.gather(*(record_set(command, store=backend.store) for _ in range(8)))
    assert sorted(results) == [False] * 7 + [True]
    assert await backend.announced() == 2


async def test_different_events_about_one_set_make_it_once(backend):
    commands = [RecordSet(str(uuid4()), make_image_set(1, images=2)) for _ in range(8)]
    results = await asyncio.gather(*(record_set(command, store=backend.store) for command in commands))
    assert sorted(results) == [False] * 7 + [True]
    assert await backend.announced() == 2


async def test_a_transaction_that_raises_writes_nothing(backend):
    image_set = make_image_set(1)
    event_id = str(uuid4())

    async def interrupted() -> None:
        async with backend.store.transaction() as tx:
            await tx.first_time(event_id)
            await tx.add_set(image_set)
            await tx.announce(image_set)
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        await interrupted()
    assert await backend.sets.find_set(image_set.id) is None
    assert await record_set(RecordSet(event_id, image_set), store=backend.store)
    assert await backend.announced() == 1


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize(
    "wanted", [FeedFilter(), FeedFilter(model="a"), FeedFilter(style="ink"), FeedFilter(user_id=UUID(int=2))]
)
async def test_the_feed_is_paged_in_the_same_order_by_fake_and_postgres(backend, sort, wanted):
    reference = FakeStore()
    for number in range(1, 30):
        image_set = make_image_set(
            number,
            images=2,
            user=1 + number % 3,
            private=number % 7 == 0,
            model="ab"[number % 2],
            style="" if number % 3 else "ink",
            likes=0,
        )
        for store in (reference, backend.store):
            await record_set(RecordSet(str(uuid4()), image_set), store=store)

    async def walk(feed: Feed) -> list[UUID]:
        seen, token = [], ""
        while True:
            page = Discover(sort=sort, filter=wanted, page_size=5, page_token=token)
            found = await discover(page, feed=feed)
            seen += [image.id for image in found.images]
            token = found.next_page_token
            if not token:
                return seen

    visited = await walk(backend.feed)
    assert visited == await walk(FakeFeed(reference))
    assert visited
