"""Processes killed and the broker stopped under load: nothing accepted is lost, nothing is charged twice."""

from __future__ import annotations

import asyncio
import os
import random

import httpx2
import pytest

from tests.e2e.person import Person
from tests.faults.checker import jobs, violations
from tests.faults.clients import History, use
from tests.faults.conftest import World

KILLS = 20 if os.environ.get("PROFILE") == "full" else 3
BROKER_AWAY_S = 20.0 if os.environ.get("PROFILE") == "full" else 8.0


async def assert_all_is_well(world: World, person: Person, history: History) -> None:
    assert await violations(world.admin_url) == {}
    by_id = {f"gen_{job['id'].hex}": job for job in await jobs(world.admin_url)}
    mine = {name: job for name, job in by_id.items() if f"usr_{job['user_id'].hex}" == person.user_id}
    assert set(mine) == set(history.accepted.values()), "acknowledged and stored generations differ"
    assert len(set(history.accepted.values())) == len(history.accepted), "two keys share a generation"
    for name, job in mine.items():
        assert job["status"] == "completed", (name, job)
        assert history.ended[name]["status"] == "completed"
        made = (await person.http.get(f"/api/sets/set_{job['set_id'].hex}")).json()
        assert len(made["images"]) == job["image_count"]
        async with httpx2.AsyncClient() as http:
            for image in made["images"]:
                assert (await http.get(image["url"])).content.startswith(b"\x89PNG")
    available, held = await person.credits()
    assert held == 0
    assert available == world.first_credits - sum(job["captured_credits"] for job in mine.values())


@pytest.mark.parametrize("victim", ["generation-work", "gateway-serve", "generation-serve", "generation-relay"])
@pytest.mark.timeout(900)
async def test_a_killed_process_loses_nothing_and_charges_nothing_twice(world: World, victim: str) -> None:
    history = History()
    async with world.studio.person(first_credits=world.first_credits) as person:
        load = asyncio.create_task(use(person, history, generations=KILLS * 4, images=2))
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.2, 1.2))
            await world.services.processes[victim].kill()
            await world.services.processes[victim].restart()
            if load.done():
                load = asyncio.create_task(use(person, history, generations=4, images=2))
        await load
        await assert_all_is_well(world, person, history)


@pytest.mark.timeout(300)
async def test_without_the_broker_work_is_accepted_and_completes_after_it_returns(world: World) -> None:
    history = History()
    async with world.studio.person(first_credits=world.first_credits) as person:
        async with world.broker_away():
            load = asyncio.create_task(use(person, history, generations=12, images=1, callers=12))
            await asyncio.sleep(BROKER_AWAY_S)
            assert len(history.accepted) == 12, "submissions were not accepted while the broker was away"
        await load
        await assert_all_is_well(world, person, history)
