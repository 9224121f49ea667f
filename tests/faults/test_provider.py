"""A provider that loses responses or fails: undelivered images are not charged, and no call is repeated unchecked."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Any

import psycopg
import pytest
from openai import APITimeoutError, AsyncOpenAI

from tests.fakes.openai_server import Fault
from tests.faults.conftest import World
from tests.faults.nemesis import seeded, sized

LOST_ANSWERS = int(sized(short=4, full=200))
STORM = int(sized(short=40, full=300))
DOWN_S = sized(short=6, full=60)
PAID: dict[str, Any] = {"model": "gpt-image-2", "size": "1024x1024"}


@pytest.mark.timeout(900)
async def test_f13_a_lost_response_is_charged_to_nobody_and_the_call_is_not_repeated(world: World) -> None:
    """The provider does the work; its response is dropped. Two good responses come between."""
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


async def test_n1_a_caller_that_timed_out_gets_its_image_and_pays_once(world: World) -> None:
    """The unchanged SDK with a timeout of a second and no retries; the provider takes three."""
    calls, key = len(world.provider.charged), secrets.token_hex(8)
    async with world.client() as client:
        available, _ = await client.person.credits()
        world.provider.delay_s = 3.0
        address, api_key = f"{world.services.address}/v1", client.person.api_key
        async with AsyncOpenAI(base_url=address, api_key=api_key, max_retries=0, timeout=1.0) as caller:
            found: list[dict[str, Any]] = []
            while not found:
                with contextlib.suppress(APITimeoutError):
                    await caller.images.generate(
                        **PAID, prompt=f"a fox {client.nonce}", extra_headers={"Idempotency-Key": key}
                    )
                body = await client.read(f"/api/generations?idempotencyKey={key}")
                found = body["items"] if body else []
        world.provider.delay_s = 0.0
        assert (await client.watch(found[0]["id"]))["status"] == "completed"
        left, held = await client.person.credits()
        ((state, _, captured),) = await attempts_of(world, client.person.user_id)
        assert (len(found), state, held) == (1, "succeeded", 0)
        assert len(world.provider.charged) - calls == 1
        assert available - left == captured > 0
        await world.assert_at_rest()


async def attempts_of(world: World, user_id: str) -> list[tuple[str, int | None, int]]:
    """Return state, cost and captured credits of each attempt of the user."""
    async with await psycopg.AsyncConnection.connect(world.admin_url) as conn:
        cursor = await conn.execute(
            "SELECT a.state, a.cost_usd_micros, j.captured_credits FROM generation.attempts AS a"
            " JOIN generation.stored_jobs AS j ON j.id = a.job_id WHERE j.user_id = %s::uuid",
            [user_id.removeprefix("usr_")],
        )
        return await cursor.fetchall()


@pytest.mark.timeout(900)
async def test_f22_a_failing_provider_gets_few_calls_and_others_continue(world: World) -> None:
    """It fails every call for a while; queued jobs are done once it recovers."""
    calls = len(world.provider.generations)
    async with world.client() as client, world.client() as neighbour:
        world.provider.otherwise = Fault.UNAVAILABLE_HTML
        try:
            storm = asyncio.create_task(client.submit_many(STORM, **PAID))
            await neighbour.use(8, callers=4)
            names = await storm
            await asyncio.sleep(DOWN_S)
            made = len(world.provider.generations) - calls
        finally:
            world.provider.otherwise = Fault.NONE
        print(f"F22: {made} calls for {STORM} jobs", flush=True)
        assert 0 < made <= STORM * 1.2
        ends = {line["id"]: line["status"] for line in world.history.of("end", "watch")}
        mine = [line["id"] for line in world.history.of("ok", "submit") if line["nonce"] == neighbour.nonce]
        assert [ends[name] for name in mine] == ["completed"] * 8
        ended = [await client.watch(name, within_s=300) for name in names]
        assert ended[-1]["status"] == "completed", "the breaker did not close again"
    await world.assert_at_rest()
