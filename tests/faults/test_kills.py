"""Processes killed, frozen and stopped under load: nothing accepted is lost, nothing is charged twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from tests.conftest import WaitUntil
from tests.faults.conftest import LEASE_S, World
from tests.faults.metrics import sample
from tests.faults.nemesis import only_full, plan_kills, seeded, sized, stop_for
from tests.loopback import http_client

VICTIMS = ("generation-work", "gateway-serve", "generation-serve", "generation-relay", "media-serve", "social-work")
KILLS = int(sized(short=5, full=50))
JOBS = int(sized(short=32, full=2_000))
PAID_JOBS = JOBS // 8
FREEZES = int(sized(short=1, full=30))
FENCED = "pixel_jobs_fenced_total"


@pytest.mark.timeout(2400)
async def test_f1_killed_processes_lose_nothing_and_charge_nothing_twice(world: World) -> None:
    draws = seeded("F1")
    calls = len(world.provider.charged)
    async with world.client() as client, world.client() as payer:
        load = asyncio.gather(
            client.use(JOBS - PAID_JOBS, callers=6, numberOfImages=2),
            payer.use(PAID_JOBS, callers=2, model="gpt-image-2", size="1024x1024"),
        )
        for kill in plan_kills(draws, VICTIMS, KILLS, pause_s=(0.5, 3.0) if KILLS > 10 else (0.3, 1.2)):
            await asyncio.sleep(kill.after_s)
            await world.services.processes[kill.victim].kill()
            await world.services.processes[kill.victim].restart()
        last_kill = time.time()
        await load
        ends = [line["status"] for line in world.history.of("end", "watch") if line["nonce"] == client.nonce]
        assert ends == ["completed"] * (JOBS - PAID_JOBS)
        open_then = {line["id"] for line in world.history.of("ok", "submit") if line["at"] <= last_kill}
        late = [
            line for line in world.history.of("end", "watch") if line["id"] in open_then and line["at"] > last_kill + 60
        ]
        assert late == []
        await world.assert_at_rest()
        assert len(world.provider.charged) - calls <= PAID_JOBS, "a killed worker's call was made again"
        available, held = await client.person.credits()
        assert held == 0
        assert available < 100_000


@pytest.mark.timeout(2400)
async def test_f2_a_frozen_worker_that_resumes_changes_nothing(world: World, wait_until: WaitUntil) -> None:
    """The lease expires while it is frozen; its writes after resuming change nothing and are counted."""
    worker = world.services.processes["generation-work"]
    frozen_s = 25.0 if LEASE_S >= 15 else LEASE_S + 2.5
    charged = len(world.provider.charged)
    async with world.client() as client:
        for _ in range(FREEZES):
            before = await sample(worker.metrics_address, FENCED)
            calls = len(world.provider.generations)
            world.provider.delay_s = 2.0
            ids = [
                await client.submit_until_known(client.body(model="gpt-image-2", size="1024x1024")) for _ in range(3)
            ]

            async def called(before: int = calls) -> bool:
                return len(world.provider.generations) > before

            await wait_until(called, timeout_s=20)
            await stop_for(worker, frozen_s)
            for name in ids:
                await client.watch(name, within_s=60)
            world.provider.delay_s = 0.0

            async def counted(before: float = before) -> bool:
                return await sample(worker.metrics_address, FENCED) > before

            await wait_until(counted, timeout_s=20)
        await world.assert_at_rest()
    assert len(world.provider.charged) - charged <= FREEZES * 3, "a frozen worker's call was made again"


@pytest.mark.timeout(300)
async def test_f20_a_stopped_worker_finishes_its_jobs_and_exits_at_once(world: World) -> None:
    """SIGTERM under load: requests in flight are answered, the exit is clean, its jobs continue elsewhere or later."""
    async with world.client() as client:
        load = asyncio.create_task(client.use(int(sized(short=16, full=300)), callers=8))
        for name in ("generation-work", "generation-serve", "gateway-serve"):
            await asyncio.sleep(1.0)
            process, started = world.services.processes[name], time.monotonic()
            os.kill(process.child.pid, signal.SIGTERM)
            assert await process.child.ended() == 0, name
            assert time.monotonic() - started <= 25.0, name
            await process.start()
        await load
        await world.assert_at_rest()


@only_full
@pytest.mark.timeout(120)
async def test_f20_a_second_sigterm_ends_a_worker_during_a_provider_call(world: World) -> None:
    worker = world.services.processes["generation-work"]
    async with world.client() as client:
        world.provider.delay_s = 8.0
        try:
            calls = len(world.provider.generations)
            name = await client.submit_until_known(client.body(model="gpt-image-2", size="1024x1024"))
            deadline = time.monotonic() + 20
            while len(world.provider.generations) == calls and time.monotonic() < deadline:
                await asyncio.sleep(0.02)
            os.kill(worker.child.pid, signal.SIGTERM)
            await asyncio.sleep(0.5)
            os.kill(worker.child.pid, signal.SIGTERM)
            started = time.monotonic()
            await worker.child.ended()
            assert time.monotonic() - started < 10.0
        finally:
            world.provider.delay_s = 0.0
            await worker.start()
        await client.watch(name, within_s=60)
        async with http_client() as http:
            assert (await http.get(f"{world.services.address}/readyz")).is_success
        await world.assert_at_rest()
