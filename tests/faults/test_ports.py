"""Every port of the generation service fails at random, also after its work; workers die at every point."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields, replace

import pytest
from pixel_generation.settings import Settings
from pixel_runtime.secret import Secret

from tests.fakes.generation_neighbours import FakeTextToImage
from tests.fakes.openai_server import run_openai_server
from tests.faults.crashing import PICTURES, UNKNOWN, points
from tests.faults.engine import assert_at_rest, calling
from tests.faults.nemesis import IS_FULL, seeded, sized
from tests.faults.ports import HalfDone, run_engine
from tests.parts import MakeDatabase

JOBS = int(sized(short=300, full=10_000))
SHORT_POINTS = ["before announcing the call", "before receiving picture 1", "after recording picture 1"]
JOBS_A_POINT = int(sized(short=2, full=20))
QUICK = {
    "grpc_address": "127.0.0.1:0",
    "sweep_interval_s": 0.3,
    "worker_lease_s": 2.0,
    "worker_heartbeat_s": 0.5,
    "stop_grace_s": 2.0,
    "reconcile_for_s": 3.0,
}


def settings(**changes: object) -> Settings:
    return replace(Settings(), **(QUICK | changes))  # type: ignore[arg-type]


@pytest.mark.timeout(1800)
async def test_f26_interrupted_work_is_finished_once(make_database: MakeDatabase) -> None:
    database = await make_database("generation")
    trouble = HalfDone(seeded("F26"))
    model = FakeTextToImage()
    providers = {"sketch": model, "openai": FakeTextToImage(repeatable=False)}
    options = settings(database_url=database.url, max_concurrent_generations=16)
    async with run_engine(options, trouble, providers=providers) as service, calling(service) as caller:
        users = [await caller.user(JOBS * 100) for _ in range(8)]
        waiting = iter(range(JOBS))

        async def submit() -> None:
            for number in waiting:
                name = "gpt-image-2" if number % 3 == 0 else "studio-sketch"
                await caller.submit(users[number % 8], f"key {number}", model=name, number_of_images=1 + number % 2)

        await asyncio.gather(*(submit() for _ in range(16)))
        await assert_at_rest(database.admin_url, within_s=sized(short=60, full=900))
    charged = [request.generation_id for request in providers["openai"].requests]
    assert len(charged) == len(set(charged)), "a job was charged twice by the provider"
    print(f"F26: {dict(trouble.injected)} in {trouble.calls.total()} calls", flush=True)
    assert trouble.injected.keys() == {"error", "done but failed", "twice"}
    assert sum(trouble.injected.values()) > trouble.calls.total() * 0.01


@asynccontextmanager
async def fork_server(options: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program whose children die; settings are passed as JSON, the provider's key is the test's."""
    every = {field.name: getattr(options, field.name) for field in fields(Settings)}
    plain = {name: value for name, value in every.items() if not isinstance(value, Secret)}
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.crashing", json.dumps(plain)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield server
    finally:
        assert server.stdin is not None
        server.stdin.close()
        await server.wait()


@pytest.mark.timeout(2400)
async def test_n2_a_worker_killed_at_any_point_calls_once_and_charges_what_was_delivered(
    make_database: MakeDatabase,
) -> None:
    every = points()
    assert len(every) >= 50
    assert set(SHORT_POINTS) <= set(every)
    chosen = every if IS_FULL else SHORT_POINTS
    database = await make_database("generation")
    calm = HalfDone(seeded("N2"), rate=0.0)
    async with run_openai_server() as provider:
        options = settings(
            database_url=database.url, openai_api_key=Secret("sk-test"), openai_base_url=provider.base_url,
            # A worker slowed by a busy machine must reach its point while its lease is live.
            worker_lease_s=5.0, worker_heartbeat_s=1.0,
        )  # fmt: skip
        forked = replace(options, max_concurrent_generations=1, processing_worker_instances=1)
        async with fork_server(forked) as server:
            for point in chosen:
                await crash_at(point, options, calm, server)
        charged = len(provider.charged)
    expected = sum(0 if point in UNKNOWN else JOBS_A_POINT for point in chosen)
    assert charged == expected, f"{charged} calls, {expected} jobs with one call each"
    await assert_at_rest(database.admin_url)


async def crash_at(point: str, options: Settings, calm: HalfDone, server: asyncio.subprocess.Process) -> None:
    """Run jobs in workers that die at the point, then let other workers end them."""
    assert server.stdin is not None
    assert server.stdout is not None
    async with run_engine(options, calm, roles=frozenset({"serve"})) as service, calling(service) as caller:
        for number in range(JOBS_A_POINT):
            # Jobs of one user would be held: a killed worker's job keeps its concurrency slot until the lease expires.
            user = await caller.user(1000)
            await caller.submit(user, f"{point} {number}", model="gpt-image-2", number_of_images=PICTURES)
    server.stdin.write(f"{point} {JOBS_A_POINT}\n".encode())
    answer = (await server.stdout.readline()).decode().split()
    assert answer == ["dead", str(JOBS_A_POINT)], f"{point}: {answer}"
    async with run_engine(options, calm, roles=frozenset({"work", "relay"})):
        await assert_at_rest(options.database_url, within_s=60)
