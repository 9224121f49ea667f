"""Contract of the queue ports: counts, snapshots, owned jobs and holds."""

from __future__ import annotations

from pixel_generation.adapters.outbound.caches.queue_capacity import CountedQueueCapacity, QueueCounts
from pixel_generation.adapters.outbound.caches.queue_snapshots import CachedQueueSnapshots, SnapshotSource
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.queue_counts import PostgresQueueCounts
from pixel_generation.adapters.outbound.postgres.queue_holds import PostgresQueueHolds
from pixel_generation.adapters.outbound.postgres.queue_snapshots import PostgresQueueSnapshots
from pixel_generation.application.maintenance.ports import QueueHolds
from pixel_generation.application.reading.ports import QueueSnapshots
from pixel_generation.application.submission.ports import OwnedJobs, QueueCapacity
from pixel_runtime.ids import new_id

from tests.conftest import WaitUntil
from tests.contract.generation.conftest import Store
from tests.fakes.generation import FakeStore
from tests.fakes.generation_eta import FakeQueueCounts, FakeQueueSnapshots
from tests.fakes.generation_neighbours import FakeQueueHolds

CONTRACTS = {
    OwnedJobs: (FakeStore, PostgresAllJobs),
    QueueCounts: (FakeQueueCounts, PostgresQueueCounts),
    SnapshotSource: (FakeQueueSnapshots, PostgresQueueSnapshots),
    QueueCapacity: (CountedQueueCapacity,),
    QueueSnapshots: (CachedQueueSnapshots,),
    QueueHolds: (FakeQueueHolds, PostgresQueueHolds),
}


async def test_jobs_are_found_for_their_owner_only(store: Store) -> None:
    user, other = await store.funded_user(), await store.funded_user()
    mine, theirs = store.new(user), store.new(other)
    for item in (mine, theirs):
        await store.submit_one(item)
    found = await store.owned_jobs.find_owned([mine.job.id, theirs.job.id, new_id()], user)
    assert found == {mine.job.id: mine.job}


async def test_queued_jobs_are_counted_with_the_capacity_of_the_queue(store: Store) -> None:
    user = await store.funded_user()
    assert await store.counts.count("sketch") == (0, 200_000)
    for _ in range(3):
        await store.submit_one(store.new(user))
    await store.claim()
    assert await store.counts.count("sketch") == (2, 200_000)


async def test_a_snapshot_has_queued_jobs_in_start_order_and_running_jobs(store: Store) -> None:
    user = await store.funded_user()
    for images in (1, 2, 1):
        await store.submit_one(store.new(user, images=images))
    before = await store.snapshots.snapshot("sketch", slots=3, typical_s=2.0)
    await store.claim()
    after = await store.snapshots.snapshot("sketch", slots=3, typical_s=2.0)
    tags = [tag for _, tag in before.waiting]
    assert (tags, before.running) == (sorted(tags), 0)
    assert [tag - tags[0] for tag in tags] == [0, 1, 3]
    assert (after.waiting, after.running) == (before.waiting[1:], 1)
    assert (after.slots, after.typical_s, list(after.runs), after.is_cut) == (3, 2.0, [], False)
    assert after.shares[user].virtual_finish - tags[0] == 4


async def test_a_queue_is_full_at_its_capacity(store: Store, wait_until: WaitUntil) -> None:
    await store.submit_one(store.new(await store.funded_user()))
    capacity = CountedQueueCapacity(store.counts)
    assert (capacity.is_full("sketch"), capacity.refused("sketch")) == (False, 1)
    await wait_until(lambda: capacity.refused("sketch") > 1)
    for _ in range(199_999):
        capacity.accepted("sketch")
    assert capacity.is_full("sketch")
    await capacity.close()


async def test_readers_of_a_queue_share_its_latest_snapshot(store: Store) -> None:
    await store.submit_one(store.new(await store.funded_user()))
    snapshots = CachedQueueSnapshots(store.snapshots)
    newest = await snapshots.newest("sketch", slots=3, typical_s=2.0)
    assert newest is not None
    assert len(newest.waiting) == 1
    await store.submit_one(store.new(await store.funded_user()))
    assert await snapshots.recent("sketch", slots=3, typical_s=2.0) is newest


async def test_releasing_without_held_jobs_does_nothing(store: Store) -> None:
    await store.submit_one(store.new(await store.funded_user()))
    assert (await store.holds.end_due(10), await store.holds.end_missed(), await store.holds.age(10)) == (0, 0, 0)
    assert len(await store.claim()) == 1
