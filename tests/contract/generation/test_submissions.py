"""Deciding and writing batches of submissions."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.application.reading.page import FIRST
from pixel_generation.application.reading.ports import GenerationFilter
from pixel_generation.application.submission.ports import DryRuns, Submissions, Verdict
from pixel_generation.domain.billing.credits import Balance
from pixel_generation.domain.jobs.job import Status

from tests.contract.generation.conftest import Store
from tests.fakes.generation import FakeStore, a_user

CONTRACTS = {Submissions: (FakeStore, BatchedSubmissions), DryRuns: (FakeStore, PostgresSubmissions)}


async def test_an_accepted_submission_is_queued_and_its_cost_is_held(store: Store) -> None:
    user = await store.funded_user(10)
    item = store.new(user, images=3)
    assert (await store.submit_one(item)).verdict is Verdict.ACCEPTED
    standing = (await store.queries.find([item.job.id], user))[item.job.id]
    job = standing.job
    assert (job.status, job.work, job.set_id, standing.ahead) == (Status.QUEUED, item.job.work, item.job.set_id, 0)
    assert await store.queries.balance(user) == Balance(7, 3)
    events = await store.queries.events(job.id, user, after=0, limit=10)
    assert [(event.sequence, event.current_step) for event in events] == [(1, "Waiting in queue")]


async def test_a_user_without_credits_is_refused_without_effect(store: Store) -> None:
    user = a_user()
    item = store.new(user)
    decision = await store.submit_one(item)
    assert (decision.verdict, decision.available) == (Verdict.INSUFFICIENT, 0)
    assert await store.queries.find([item.job.id], user) == {}


async def test_each_submission_of_a_batch_is_decided_on_its_own(store: Store) -> None:
    rich, poor = await store.funded_user(10), await store.funded_user(1)
    batch = [store.new(rich, images=4), store.new(poor, images=2), store.new(rich, images=4), store.new(poor)]
    decisions = await store.decisions.decide(batch)
    verdicts = [decision.verdict for decision in decisions]
    assert verdicts == [Verdict.ACCEPTED, Verdict.INSUFFICIENT, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert await store.queries.balance(rich) == Balance(2, 8)
    assert await store.queries.balance(poor) == Balance(0, 1)


async def test_a_submission_refused_only_because_of_its_batch_is_decided_again(store: Store) -> None:
    user = await store.funded_user(3)
    batch = [store.new(user, images=2), store.new(user, images=2)]
    first, second = await store.decisions.decide(batch)
    assert (first.verdict, second.verdict) == (Verdict.ACCEPTED, Verdict.AGAIN)
    assert (await store.submit_one(batch[1])).verdict is Verdict.INSUFFICIENT


async def test_the_same_key_and_request_give_the_same_job(store: Store) -> None:
    user = await store.funded_user()
    first, twin = store.new(user, key="k"), store.new(user, key="k")
    assert (await store.submit_one(first)).verdict is Verdict.ACCEPTED
    decision = await store.submit_one(twin)
    assert (decision.verdict, decision.job_id) == (Verdict.REPLAYED, first.job.id)
    assert (await store.queries.balance(user)).held == 1


async def test_a_full_queue_refuses_new_submissions_and_still_answers_repeated_ones(store: Store) -> None:
    user = await store.funded_user()
    first = store.new(user, key="k")
    assert (await store.submit_one(first)).verdict is Verdict.ACCEPTED
    twin, late = (replace(store.new(user, key=key), queue_is_full=True) for key in ("k", ""))
    assert (await store.submit_one(twin)).verdict is Verdict.REPLAYED
    assert (await store.submit_one(late)).verdict is Verdict.QUEUE_FULL
    assert (await store.queries.balance(user)).held == 1


async def test_a_key_is_not_reused_for_another_request(store: Store) -> None:
    user = await store.funded_user()
    await store.submit_one(store.new(user, key="k"))
    decision = await store.submit_one(store.new(user, key="k", fingerprint=b"other"))
    assert decision.verdict is Verdict.KEY_REUSED


async def test_equal_submissions_in_one_batch_become_one_job(store: Store) -> None:
    user = await store.funded_user()
    twins = [store.new(user, key="k") for _ in range(3)]
    verdicts = [decision.verdict for decision in await store.decisions.decide(twins)]
    assert verdicts == [Verdict.ACCEPTED, Verdict.AGAIN, Verdict.AGAIN]
    assert (await store.submit_one(twins[2])).job_id == twins[0].job.id


async def test_a_key_belongs_to_one_user(store: Store) -> None:
    users = [await store.funded_user(), await store.funded_user()]
    decisions = await store.decisions.decide([store.new(user, key="k") for user in users])
    assert [decision.verdict for decision in decisions] == [Verdict.ACCEPTED, Verdict.ACCEPTED]


async def test_two_hundred_concurrent_submissions_spend_a_balance_of_ten_exactly(store: Store) -> None:
    user = await store.funded_user(10)
    stores = [BatchedSubmissions(store.decisions, most=32) for _ in range(3)]
    items = [store.new(user) for _ in range(200)]
    decisions = await asyncio.gather(*(stores[n % 3].submit(item) for n, item in enumerate(items)))
    assert Counter(decision.verdict for decision in decisions) == {Verdict.ACCEPTED: 10, Verdict.INSUFFICIENT: 190}
    assert await store.queries.balance(user) == Balance(0, 10)
    assert len((await store.queries.page(GenerationFilter(user), before=FIRST, limit=200)).items) == 10
    assert await store.sum_of_entries() == 0


async def test_one_key_submitted_by_many_processes_at_once_makes_one_job(store: Store) -> None:
    user = await store.funded_user(50)
    stores = [BatchedSubmissions(store.decisions) for _ in range(4)]
    decisions = await asyncio.gather(*(stores[n % 4].submit(store.new(user, key="k")) for n in range(40)))
    assert len({decision.job_id for decision in decisions}) == 1
    assert Counter(decision.verdict for decision in decisions) == {Verdict.ACCEPTED: 1, Verdict.REPLAYED: 39}
    assert (await store.queries.balance(user)).held == 1


async def test_concurrent_submissions_of_many_users_through_two_processes_are_all_accepted(store: Store) -> None:
    users = [await store.funded_user(10) for _ in range(10)]
    orders = [users, users[::-1]]
    batches = [[store.new(user) for user in orders[n % 2]] for n in range(10)]
    decided = await asyncio.gather(*map(store.decisions.decide, batches))
    assert {decision.verdict for batch in decided for decision in batch} == {Verdict.ACCEPTED}
    assert [await store.queries.balance(user) for user in users] == [Balance(0, 10)] * 10


async def test_a_grant_is_booked_once(store: Store) -> None:
    user = a_user()
    assert await store.ledger.grant(user, 10, grant_id="signup", reason="welcome") == (True, 10)
    assert await store.ledger.grant(user, 10, grant_id="signup", reason="welcome") == (False, 10)
    assert await store.ledger.grant(user, 5, grant_id="other", reason="") == (True, 15)
    assert await store.sum_of_entries() == 0


async def test_a_generation_of_another_user_is_not_found(store: Store) -> None:
    owner, stranger = await store.funded_user(), a_user()
    item = store.new(owner)
    await store.submit_one(item)
    assert await store.queries.find([item.job.id], stranger) == {}
    assert await store.queries.events(item.job.id, stranger, after=0, limit=10) == []


async def test_a_dry_run_decides_like_a_submission_and_writes_nothing(store: Store) -> None:
    user = await store.funded_user(3)
    affordable, too_dear = store.new(user, images=3, key="k"), store.new(user, images=4)
    assert (await store.dry_runs.dry_run(affordable)).verdict is Verdict.ACCEPTED
    assert (await store.dry_runs.dry_run(too_dear)).verdict is Verdict.INSUFFICIENT
    assert await store.queries.balance(user) == Balance(3, 0)
    assert await store.queries.find([affordable.job.id], user) == {}
    assert (await store.submit_one(affordable)).verdict is Verdict.ACCEPTED
    assert (await store.dry_runs.dry_run(affordable)).verdict is Verdict.REPLAYED
