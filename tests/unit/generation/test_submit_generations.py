from __future__ import annotations

import pytest
from pixel_errors import Invalid, PixelError, Unavailable
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.application.billing.grant_credits import GrantCredits, grant_credits
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
from pixel_generation.domain.errors import GenerationNotFound
from pixel_generation.domain.work.image import ImageWork

from tests.fakes.generation import FakeStore, a_user
from tests.fakes.generation_catalogue import FakeCatalogue
from tests.unit.generation.conftest import Engine

FOX = ImageWork("a fox")


def code_of(outcome: Accepted | PixelError) -> str:
    assert isinstance(outcome, PixelError)
    return outcome.code


async def test_each_item_of_a_call_is_accepted_or_refused_on_its_own(engine: Engine) -> None:
    user = await engine.user(1)
    good, bad, unknown, poor = await engine.submit(
        SubmitGeneration(user, FOX),
        SubmitGeneration(user, ImageWork("")),
        SubmitGeneration(user, ImageWork("a fox", model="midjourney")),
        SubmitGeneration(a_user(), FOX),
    )
    assert isinstance(good, Accepted)
    assert [code_of(refused) for refused in (bad, unknown, poor)] == [
        "INVALID_GENERATION",
        "MODEL_NOT_FOUND",
        "INSUFFICIENT_CREDITS",
    ]
    assert isinstance(poor, PixelError)
    assert poor.metadata == {"cost": "1", "available": "0"}
    assert len(engine.store.rows) == 1


async def test_a_repeated_request_without_a_seed_returns_the_first_job(engine: Engine) -> None:
    user = await engine.user()
    (first,) = await engine.submit(SubmitGeneration(user, FOX, "key", "POST /x"))
    (again,) = await engine.submit(SubmitGeneration(user, FOX, "key", "POST /x"))
    (other,) = await engine.submit(SubmitGeneration(user, ImageWork("a dog"), "key", "POST /x"))
    assert isinstance(first, Accepted)
    assert again == Accepted(first.job_id, None)
    assert code_of(other) == "IDEMPOTENCY_KEY_REUSED"


async def test_a_key_that_cannot_be_stored_is_refused(engine: Engine) -> None:
    user = await engine.user()
    outcomes = await engine.submit(*(SubmitGeneration(user, FOX, key, "r") for key in ("a\0b", "k" * 256)))
    assert all(isinstance(outcome, Invalid) for outcome in outcomes)


async def test_a_queued_job_is_read_with_position_and_interval(engine: Engine) -> None:
    user = await engine.user()
    ids = [await engine.accepted(user) for _ in range(3)]
    views = [await engine.find(job_id, user) for job_id in ids]
    assert [view.queue_position for view in views] == [1, 2, 3]
    assert all(view.start_interval_s for view in views)


async def test_another_users_job_is_not_found(engine: Engine) -> None:
    job_id = await engine.accepted(await engine.user())
    with pytest.raises(GenerationNotFound):
        await engine.find(job_id, a_user())
    with pytest.raises(GenerationNotFound):
        await engine.events(job_id, a_user(), after=0, limit=10)


async def test_no_new_events_is_an_empty_list_for_the_owner(engine: Engine) -> None:
    user = await engine.user()
    job_id = await engine.accepted(user)
    assert await engine.events(job_id, user, after=1, limit=10) == []


@pytest.mark.parametrize(("amount", "grant_id"), [(0, "g"), (-5, "g"), (10**9 + 1, "g"), (5, ""), (5, "g" * 201)])
async def test_a_grant_out_of_bounds_is_refused(amount: int, grant_id: str) -> None:
    with pytest.raises(Invalid):
        await grant_credits(GrantCredits(a_user(), amount, grant_id, ""), ledger=FakeStore())


async def test_the_last_catalogue_is_used_while_the_store_is_unreachable() -> None:
    class Leaving(FakeCatalogue):
        away = False

        async def current(self):
            if self.away:
                raise Unavailable
            return self.catalogue

    source = Leaving()
    live = CachedCatalogue(source, max_age_s=0)
    first = await live.current()
    source.away = True
    assert await live.current() is first
    with pytest.raises(Unavailable):
        await CachedCatalogue(source).current()
