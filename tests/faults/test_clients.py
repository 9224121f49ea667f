"""Clients that spend one balance concurrently, and clients that disconnect at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import WaitUntil
from tests.faults.clients import Client
from tests.faults.conftest import World
from tests.faults.nemesis import seeded, sized

CUTS = int(sized(short=200, full=20_000))
SPARE_FILES = 24


async def test_f25_two_hundred_concurrent_creates_on_a_balance_for_ten_make_ten(world: World) -> None:
    async with world.client(first_credits=10) as client:
        answers = await asyncio.gather(
            *(client.submit(client.body(), key=secrets.token_hex(8), timeout_s=60) for _ in range(200))
        )
        codes = [answer.status_code if answer is not None else 0 for answer in answers]
        assert (codes.count(202), codes.count(402)) == (10, 190)
        assert (await client.person.credits())[0] == 0
        for line in world.history.of("ok", "submit"):
            if line["nonce"] == client.nonce:
                await client.watch(line["id"])
        assert await client.person.credits() == (0, 0)
        await world.assert_at_rest()


@pytest.mark.timeout(1200)
async def test_f24_requests_cut_at_any_byte_have_no_effect(world: World, wait_until: WaitUntil) -> None:
    """Half of them disconnect during the request, the others before or during the response."""
    gateway = world.services.processes["gateway-serve"].child.pid
    async with world.client(first_credits=CUTS) as client:
        await client.use(2)
        files = open_files(gateway)
        draws = seeded("F24")
        at_once = asyncio.Semaphore(64)

        async def cut(number: int) -> None:
            async with at_once:
                await hang_up(client, random.Random(f"{draws.random()} {number}"))

        await asyncio.gather(*(cut(number) for number in range(CUTS)))
        await wait_until(lambda: open_files(gateway) <= files + SPARE_FILES, timeout_s=30)
        await client.use(2)
        await world.assert_at_rest(within_s=sized(short=90, full=600))


async def hang_up(client: Client, draws: random.Random) -> None:
    """Send a read or a create and disconnect at a random moment."""
    address = urlsplit(client.person.studio.address)
    body = json.dumps(client.body()).encode() if draws.random() < 0.1 else b""
    line = "POST /api/generations" if body else draws.choice(["GET /api/me", "GET /api/generations", "GET /api/queue"])
    head = f"{line} HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {client.person.api_key}\r\n"
    if body:
        head += (
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\nidempotency-key: {draws.random()}\r\n"
        )
    request = f"{head}\r\n".encode() + body
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request[: draws.randrange(len(request))] if draws.random() < 0.5 else request)
        await writer.drain()
        await asyncio.sleep(draws.random() * 0.03)
        writer.transport.abort()


def open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
