"""The broker stopped and unresponsive, the database killed, old snapshots: accepted jobs are done soon after."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import statistics
import time
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import psycopg
import pytest
from pixel_errors import PixelError
from pixel_generation.settings import Settings
from pixel_postgres import open_pool, provision

from tests.fakes.generation_neighbours import FakeTextToImage
from tests.faults.conftest import World
from tests.faults.engine import Caller, assert_at_rest, calling
from tests.faults.nemesis import kill_postmaster, only_full, seeded, sized
from tests.faults.ports import run_engine
from tests.parts import MakeDatabase

AWAY_S = sized(short=6, full=60)
DATABASE_KILLS = int(sized(short=2, full=10))
SNAPSHOT_S = 300
USERS = 10
JOBS_PER_S = 50
CLAIM_WITHIN_S = 0.050
BACK_WITHIN_S = 10.0
FORGOTTEN_S = 30.0


@pytest.mark.timeout(400)
async def test_f4_without_the_broker_work_is_accepted_and_its_events_are_published_later(world: World) -> None:
    async with world.client() as client:
        async with world.broker_away():
            load = asyncio.create_task(client.use(8, callers=8, within_s=180))
            await asyncio.sleep(AWAY_S)
            accepted = len(world.history.accepted)
            assert accepted >= 8, "submissions were not accepted while the broker was away"
        await world.assert_at_rest(within_s=30)
        await load


@only_full
@pytest.mark.timeout(400)
async def test_f4_an_unresponsive_broker_delays_no_request(world: World) -> None:
    """Connections stay open and nothing is received, as on a one-way network failure."""
    async with world.client() as client:
        os.kill(world.broker.pid, signal.SIGSTOP)
        try:
            load = asyncio.create_task(client.use(8, callers=8, within_s=180))
            ids = [await client.submit_until_known(client.body(), within_s=AWAY_S + 20) for _ in range(2)]
            await asyncio.sleep(AWAY_S)
        finally:
            os.kill(world.broker.pid, signal.SIGCONT)
        await load
        for name in ids:
            await client.watch(name)
        await world.assert_at_rest(within_s=30)


@pytest.mark.timeout(900)
async def test_f7_a_killed_database_restarts_and_loses_nothing(world: World) -> None:
    draws = seeded("F7")
    async with world.client() as client:
        load = asyncio.create_task(client.use(DATABASE_KILLS * 10, callers=6, within_s=180))
        gaps = []
        for _ in range(DATABASE_KILLS):
            await asyncio.sleep(draws.uniform(0.5, 2.0))
            kill_postmaster(world.postgres_dir)
            gaps.append(await time_to_accept(world, client.body()["prompt"], client.person.http))
        await load
        await world.assert_at_rest()
    print(f"F7: accepted again after {', '.join(f'{gap:.1f}' for gap in gaps)} s", flush=True)
    assert max(gaps) <= BACK_WITHIN_S


async def time_to_accept(world: World, prompt: str, http: httpx2.AsyncClient) -> float:
    """Return the seconds until a submission is accepted."""
    started, key = time.monotonic(), secrets.token_hex(8)
    body = {"prompt": prompt, "numberOfImages": 1, "size": "256x256"}
    while time.monotonic() - started < BACK_WITHIN_S * 3:
        try:
            answer = await http.post("/api/generations", json=body, headers={"idempotency-key": key}, timeout=5.0)
            if answer.status_code == httpx2.codes.ACCEPTED:
                break
        except httpx2.TransportError:
            world.history.note("unknown", "submit", key=key)
        await asyncio.sleep(0.1)
    return time.monotonic() - started


@only_full
@pytest.mark.timeout(120)
async def test_connections_cut_between_services_and_database_are_replaced(world: World) -> None:
    draws = seeded("reset")
    async with world.client() as client:
        load = asyncio.create_task(client.use(16, callers=8))
        while not load.done():
            await asyncio.sleep(draws.uniform(0.2, 0.6))
            world.database_proxy.reset()
            if sum(1 for _ in world.history.of("end", "watch")) and draws.random() < 0.2:
                break
        await load
        await world.assert_at_rest()


@dataclass
class ClaimTimes:
    """Times the claims of one loop."""

    seconds: list[float] = field(default_factory=list)
    _started: float = 0.0

    def before(self, call: str) -> None:
        if call == "PostgresJobs.claim":
            self._started = time.monotonic()

    def after(self, call: str, *, found: bool) -> None:
        if call == "PostgresJobs.claim" and found:
            self.seconds.append(time.monotonic() - self._started)

    def twice(self, _call: str) -> bool:
        return False


@only_full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("session", ["forgotten", "backup"])
async def test_f10_old_snapshots_slow_no_claim_and_idle_transactions_are_ended(
    make_database: MakeDatabase, session: str
) -> None:
    """The same load before and under the snapshots; a machine that is slow by itself is compared with itself.

    Who forgets a snapshot opens the next one as soon as the last has ended. A backup allows itself to stay: no limit
    ends it, and claims have to read past all that it keeps, slower and slower; what waits is done soon after its end.
    """
    database, times, ended = await make_database("generation"), ClaimTimes(), list[float]()
    await provision(database.admin_url, schemas={})
    options = replace(
        Settings(), database_url=database.url, grpc_address="127.0.0.1:0", processing_worker_instances=1,
        max_concurrent_generations=32,
    )  # fmt: skip
    async with (
        run_engine(options, times, providers={"sketch": FakeTextToImage()}) as service,
        calling(service) as caller,
    ):
        users = [await caller.user(1_000_000) for _ in range(USERS)]
        await steady_load(caller, users, "calm", SNAPSHOT_S / 3)
        calm, times.seconds = slowest_of_a_hundred(times.seconds), []
        old = asyncio.create_task(old_snapshots(database.admin_url, ended, is_backup=session == "backup"))
        forgotten = asyncio.create_task(seconds_until_ended(options))
        await steady_load(caller, users, "old", SNAPSHOT_S)
        slow = slowest_of_a_hundred(times.seconds)
        claims = f"{len(times.seconds)} claims, p99 {slow * 1000:.1f} ms, {calm * 1000:.1f} ms before"
        old.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await old
        await assert_at_rest(database.admin_url)
    print(f"F10, {session}: {claims}, snapshots of {[round(each, 1) for each in ended]} s", flush=True)
    assert await forgotten <= FORGOTTEN_S
    assert max(ended, default=0) <= FORGOTTEN_S
    assert session == "backup" or slow <= max(CLAIM_WITHIN_S, 2 * calm)


async def old_snapshots(admin_url: str, ended: list[float], *, is_backup: bool) -> None:
    """Hold an idle snapshot, again when the server ended it; record how long each was held."""
    options = "-c idle_in_transaction_session_timeout=0" if is_backup else ""
    while True:
        conn = await psycopg.AsyncConnection.connect(admin_url, options=options)
        try:
            await conn.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await conn.execute("SELECT count(*) FROM generation.live_jobs")
            started = time.monotonic()
            await said_something(conn, within_s=2 * SNAPSHOT_S + FORGOTTEN_S)
            ended.append(time.monotonic() - started)
        finally:
            await conn.close()


async def steady_load(caller: Caller, users: list[str], name: str, seconds: float) -> None:
    """Submit at a fixed rate, late ones at once, for the users in turn: each runs ten at most."""
    started, count = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < seconds:
        due = int(elapsed * JOBS_PER_S) - count
        await asyncio.gather(*(caller.submit(users[(count + n) % USERS], f"{name} {count + n}") for n in range(due)))
        count += due
        await asyncio.sleep(0.02)


def slowest_of_a_hundred(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


async def seconds_until_ended(options: Settings) -> float:
    """Begin a transaction as a service does, write in it and leave it idle; return how long the server kept it."""
    started = time.monotonic()
    with contextlib.suppress(PixelError, psycopg.Error):
        async with (
            open_pool(options.database_url, schema="generation", application="forgotten") as pool,
            pool.transaction() as conn,
        ):
            await conn.execute("CREATE TEMPORARY TABLE forgotten ()")
            await said_something(conn, within_s=FORGOTTEN_S * 2)
            await conn.execute("SELECT 1")
    return time.monotonic() - started


async def said_something(conn: psycopg.AsyncConnection[Any], *, within_s: float) -> None:
    """Wait for the server to close the session, without a query, which would end its idleness."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(conn.fileno(), readable.set)
    try:
        async with asyncio.timeout(within_s):
            await readable.wait()
    except TimeoutError:
        return
    finally:
        loop.remove_reader(conn.fileno())
