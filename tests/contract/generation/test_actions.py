"""Contract of the record of actions: in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from pixel_generation.adapters.outbound.postgres.operations import PostgresActions
from pixel_generation.application.operations.ports import Action, Actions
from pixel_generation.application.reading.page import FIRST
from pixel_postgres import open_pool
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id

from tests.fakes.generation_neighbours import FakeActions
from tests.parts import MakeDatabase

CONTRACTS = {Actions: (FakeActions, PostgresActions)}


@pytest.fixture(params=["fake", "postgres"])
async def actions(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncIterator[Actions]:
    if request.param == "fake":
        yield FakeActions()
        return
    database = await make_database("generation")
    async with open_pool(database.url, schema="generation", application="test") as pool:
        yield PostgresActions(pool)


async def recorded(actions: Actions, action: str, user_id: UUID | None = None) -> Action:
    made = Action(new_id(), "usr_admin", action, SystemClock().now(), user_id, metadata={"reason": "a", "round": 2})
    await actions.record(made)
    return made


def same(found: list[Action], made: list[Action]) -> bool:
    """Say whether these are the actions, whichever clock they were written by."""
    at = SystemClock().now()
    return [replace(each, created_at=at) for each in found] == [replace(each, created_at=at) for each in made]


async def test_actions_are_paged_newest_first(actions: Actions) -> None:
    made = [await recorded(actions, f"action_{number}") for number in range(3)]
    first = await actions.page(user_id=None, job_id=None, before=FIRST, limit=2)
    assert first.next is not None
    second = await actions.page(user_id=None, job_id=None, before=first.next, limit=2)
    assert same([*first.items, *second.items], made[::-1])
    assert second.next is None


async def test_actions_are_filtered_by_user(actions: Actions) -> None:
    user = new_id()
    mine = [await recorded(actions, "adjust_credits", each) for each in (user, new_id(), user)][::2]
    page = await actions.page(user_id=user, job_id=None, before=FIRST, limit=9)
    assert same(page.items, mine[::-1])
    assert (await actions.page(user_id=new_id(), job_id=None, before=FIRST, limit=9)).items == []
