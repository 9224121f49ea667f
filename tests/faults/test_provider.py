"""A provider that loses answers or fails: nobody pays for what did not arrive, and no call is made blindly again."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from tests.fakes.openai_server import Fault
from tests.faults.conftest import World
from tests.faults.nemesis import seeded, sized

LOST_ANSWERS = int(sized(short=4, full=200))
STORM = int(sized(short=12, full=300))
PAID: dict[str, Any] = {"model": "gpt-image-2", "size": "1024x1024"}


@pytest.mark.timeout(900)
async def test_f13_a_lost_answer_is_charged_to_nobody_and_never_asked_for_again(world: World) -> None:
    """The provider takes the request and works; its answer is dropped. Two good answers come between."""
    plan = [Fault.RESET] * LOST_ANSWERS + [Fault.NONE] * LOST_ANSWERS * 2
    seeded("F13").shuffle(plan)
    calls = len(world.provider.charged)
    async with world.client() as client:
        available, _ = await client.person.credits()
        world.provider.plan[:] = plan
        await client.use(len(plan), callers=6, within_s=180, **PAID)
        assert len(world.provider.charged) - calls == len(plan), "the provider worked more than once for a job"
        report = await world.assert_at_rest()
        assert report.count("I3") == 0
        left, held = await client.person.credits()
        rows = await attempts_of(world, client.person.user_id)
    unknown = [row for row in rows if row[0] == "unknown"]
    assert len(unknown) == LOST_ANSWERS, "each unknown call is in the table an operator reads"
    assert all(cost is None for _, cost, _ in unknown), "what is not known is not 0"
    assert held == 0
    paid = sum(captured for _, _, captured in rows)
    assert available - left == paid
    assert sum(captured > 0 for _, _, captured in rows) == LOST_ANSWERS * 2


async def attempts_of(world: World, user_id: str) -> list[tuple[str, int | None, int]]:
    """Return state, cost and captured credits of each attempt of the user."""
    async with await psycopg.AsyncConnection.connect(world.admin_url) as conn:
        cursor = await conn.execute(
            "SELECT a.state, a.cost_usd_micros, j.captured_credits FROM generation.attempts AS a"
            " JOIN generation.jobs AS j ON j.id = a.job_id WHERE j.user_id = %s::uuid",
            [user_id.removeprefix("usr_")],
        )
        return await cursor.fetchall()


@pytest.mark.timeout(600)
async def test_f22_a_provider_that_only_fails_is_not_stormed_and_others_go_on(world: World) -> None:
    calls = len(world.provider.generations)
    world.provider.otherwise = Fault.UNAVAILABLE_HTML
    try:
        async with world.client() as client, world.client() as neighbour:
            failing = asyncio.create_task(client.use(STORM, callers=STORM, within_s=400, **PAID))
            await neighbour.use(8, callers=4)
            ends = {line["id"]: line["status"] for line in world.history.of("end", "watch")}
            mine = [line["id"] for line in world.history.of("ok", "submit") if line["nonce"] == neighbour.nonce]
            assert {ends[name] for name in mine} == {"completed"}
            await failing
            made = len(world.provider.generations) - calls
            print(f"F22: {made} calls for {STORM} jobs", flush=True)
            assert made <= STORM * 1.2
    finally:
        world.provider.otherwise = Fault.NONE
    async with world.client() as client:  # what was closed opens again by itself
        await client.watch(await client.submit_until_known(client.body(**PAID)), within_s=120)
    await world.assert_at_rest()
