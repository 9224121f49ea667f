"""Contract of the users' reads of generations."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from pixel_generation.adapters.outbound.postgres.queries import PostgresQueries
from pixel_generation.application.ports import Writer
from pixel_generation.application.reading.page import FIRST
from pixel_generation.application.reading.ports import GenerationFilter, Queries
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.jobs.job import Failure, Status
from pixel_generation.domain.queueing.position import Position

from tests.contract.generation.conftest import Store
from tests.fakes.generation import FakeStore, a_user

CONTRACTS = {Queries: (FakeStore, PostgresQueries)}

EXPIRED = Failure("expired", "It waited too long.", retryable=True)


async def ids_of(store: Store, which: GenerationFilter, before: UUID = FIRST) -> list[UUID]:
    return [standing.job.id for standing in (await store.queries.page(which, before=before, limit=50)).items]


@pytest.mark.parametrize("status", [Status.QUEUED, None])
async def test_generations_are_listed_newest_first_by_pages(store: Store, status: Status | None) -> None:
    user, other = await store.funded_user(), await store.funded_user()
    items = [store.new(user) for _ in range(5)]
    await store.decisions.decide([*items, store.new(other)])
    which = GenerationFilter(user, status=status)
    first = await store.queries.page(which, before=FIRST, limit=3)
    assert first.next is not None
    rest = await store.queries.page(which, before=first.next, limit=3)
    newest = [item.job.id for item in reversed(items)]
    assert [standing.job.id for standing in (*first.items, *rest.items)] == newest
    assert rest.next is None
    assert await ids_of(store, GenerationFilter(user, status=Status.FAILED)) == []


async def test_a_generation_is_found_by_the_key_it_was_submitted_under(store: Store) -> None:
    user, other = await store.funded_user(), await store.funded_user()
    mine, theirs = store.new(user, key="lost-answer"), store.new(other, key="lost-answer")
    await store.decisions.decide([mine, theirs, store.new(user)])
    assert await ids_of(store, GenerationFilter(user, idempotency_key="lost-answer")) == [mine.job.id]
    assert await ids_of(store, GenerationFilter(user, idempotency_key="another")) == []


async def test_the_history_is_filtered_by_model_type_time_and_failure(store: Store) -> None:
    user = await store.funded_user()
    items = [store.new(user) for _ in range(3)]
    await store.decisions.decide(items)
    failed, newest = items[0].job, items[2].job
    assert await store.jobs.write(failed, failed.failed(EXPIRED, at=store.clock.now()), writer=Writer.TIMEOUT)
    everything = [item.job.id for item in reversed(items)]
    later = newest.created_at + timedelta(seconds=1)
    for which, expected in [
        (GenerationFilter(user, model="studio-sketch"), everything),
        (GenerationFilter(user, model="gpt-image-2"), []),
        (GenerationFilter(user, kind="image"), everything),
        (GenerationFilter(user, kind="video"), []),
        (GenerationFilter(user, failure_code="expired"), [failed.id]),
        (GenerationFilter(user, failure_code="timeout"), []),
        (GenerationFilter(user, created_before=later), everything),
        (GenerationFilter(user, created_after=later), []),
        (GenerationFilter(user, created_after=failed.created_at, created_before=later), everything),
    ]:
        assert await ids_of(store, which) == expected, which


async def test_a_user_channel_continues_without_gap_or_repeat(store: Store) -> None:
    user, other = await store.funded_user(), await store.funded_user()
    start = (await store.queries.user_events(user, after=Position(0), limit=0)).horizon
    for _ in range(3):
        await store.submit_one(store.new(user))
        await store.submit_one(store.new(other))
    await store.claim(6)
    everything = (await store.queries.user_events(user, after=start, limit=100)).events
    assert [position for position, _ in everything] == sorted(position for position, _ in everything)
    assert sorted((position.job_id, event.sequence) for position, event in everything) == sorted(
        (job_id, sequence) for job_id in {position.job_id for position, _ in everything} for sequence in (1, 2)
    )
    seen, position = [], start
    while page := (await store.queries.user_events(user, after=position, limit=2)).events:
        seen += page
        position = page[-1][0]
    assert seen == everything
    assert len(seen) == 6


async def test_a_position_of_another_user_or_of_the_future_is_unknown(store: Store) -> None:
    user, other = await store.funded_user(), await store.funded_user()
    await store.submit_one(store.new(other))
    theirs = (await store.queries.user_events(other, after=Position(0), limit=9)).events[0][0]
    for position in (theirs, Position(2**60), Position(1, theirs.job_id, 7)):
        found = await store.queries.user_events(user, after=position, limit=9)
        assert (found.known, found.events) == (False, [])
    assert (await store.queries.user_events(other, after=theirs, limit=9)).known


async def test_a_user_finds_own_generations_only(store: Store) -> None:
    user, other = await store.funded_user(10), await store.funded_user(10)
    mine, theirs = store.new(user, images=2), store.new(other)
    for item in (mine, theirs):
        await store.submit_one(item)
    found = await store.queries.find([mine.job.id, theirs.job.id], user)
    assert {job_id: standing.job.user_id for job_id, standing in found.items()} == {mine.job.id: user}
    assert [event.sequence for event in await store.queries.events(mine.job.id, user, after=0, limit=9)] == [1]
    assert await store.queries.events(theirs.job.id, user, after=0, limit=9) == []
    assert (await store.queries.balance(user), await store.queries.balance(a_user())) == (Balance(8, 2), Balance(0, 0))
