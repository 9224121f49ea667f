"""Clients that stop reading, or answer no ping, are disconnected soon; the others are not affected."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from pathlib import Path

import pytest
from pixel_gateway.adapters.inbound.http.server import socket_protocol, uvicorn_server
from pixel_gateway.domain.generation import Status
from prometheus_client import REGISTRY
from websockets.asyncio.client import connect

from tests.integration.gateway.test_streams import submitted

FULL = os.environ.get("PROFILE") == "full"
READERS, SLOW, SECONDS = (200, 50, 60) if FULL else (20, 5, 3)
EVENTS_A_SECOND = 200
GROWTH_MIB = 64
CUT_WITHIN_S = 10.0
"""Counted from when more was sent than the buffers between server and client hold."""
BUFFERED_EVENTS = 500


def cut(transport: str, why: str) -> float:
    labels = {"transport": transport, "why": why}
    return REGISTRY.get_sample_value("pixel_gateway_cut_streams_total", labels) or 0


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def opened_and_never_read(server, secret: str, generation_id: str, transport: str) -> socket.socket:
    host, _, port = server.address.rpartition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, (host, int(port)))
    head = f"Host: {server.address}\r\nAuthorization: Bearer {secret}\r\n"
    if transport == "sse":
        request = f"GET /api/generations/{generation_id}/events HTTP/1.1\r\n{head}\r\n"
    else:
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        request = f"GET /api/processing/{generation_id}/status HTTP/1.1\r\n{head}{upgrade}{key}\r\n"
    await loop.sock_sendall(connection, request.encode())
    return connection


async def published(backstage, generation_id: str, seconds: float, is_enough: asyncio.Event) -> list[float]:
    """Publish for this long, and until it is enough; return the delay of each event caused by the machine."""
    end, late = time.monotonic() + seconds, []
    while time.monotonic() < end or not is_enough.is_set():
        due = time.monotonic() + 1 / EVENTS_A_SECOND
        event = backstage.generations.advance(generation_id, Status.PROCESSING, 50, f"at {time.monotonic()} of the run")
        backstage.app.live.publish(event)
        await asyncio.sleep(due - time.monotonic())
        late.append(time.monotonic() - due)
    backstage.finish(generation_id)
    return late


@pytest.mark.parametrize("transport", ["sse", "websocket"])
async def test_slow_readers_are_disconnected_and_the_others_miss_nothing(client, server, secret, transport, request):
    backstage, wait_until = request.getfixturevalue("backstage"), request.getfixturevalue("wait_until")
    generation_id = await submitted(client)
    before = cut(transport, "stalled")
    slow = [await opened_and_never_read(server, secret, generation_id, transport) for _ in range(SLOW)]
    ages: list[float] = []

    async def reader() -> list[int]:
        url, seen = f"ws://{server.address}/api/processing/{generation_id}/status", []
        headers = {"authorization": f"Bearer {secret}"}
        async with connect(url, additional_headers=headers, proxy=None) as connection:
            async for message in connection:
                told = json.loads(message)
                seen.append(told["sequence"])
                if told["message"].startswith("at "):
                    ages.append(time.monotonic() - float(told["message"].split()[1]))
        return seen

    readers = [asyncio.create_task(reader()) for _ in range(READERS - SLOW)]
    await wait_until(lambda: backstage.app.live.watcher_count() == READERS, 30)
    memory = resident_mib()
    are_cut = asyncio.Event()
    publishing = asyncio.create_task(published(backstage, generation_id, SECONDS, are_cut))
    await wait_until(lambda: backstage.generations.rows[generation_id].sequence > BUFFERED_EVENTS, 60)
    began = time.monotonic()
    await wait_until(lambda: cut(transport, "stalled") == before + SLOW, CUT_WITHIN_S)
    cut_after = time.monotonic() - began
    are_cut.set()
    late = await publishing
    seen = await asyncio.gather(*readers)
    for connection in slow:
        connection.close()

    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)
    assert cut_after <= CUT_WITHIN_S
    assert resident_mib() - memory <= GROWTH_MIB
    assert sorted(ages)[int(len(ages) * 0.99)] <= 0.5 + max(late)


async def test_a_peer_that_answers_no_ping_is_closed(client, backstage, server, secret, wait_until):
    generation_id = await submitted(client)
    connection = await opened_and_never_read(server, secret, generation_id, "websocket")
    await wait_until(lambda: backstage.app.live.watcher_count() == 1)

    await wait_until(lambda: backstage.app.live.watcher_count() == 0)  # fast_pings: it would be 38 s
    connection.close()


@pytest.fixture(autouse=True)
def fast_pings(request, monkeypatch):
    """Ping often; set before the server is started."""
    if "ping" in request.node.name:
        monkeypatch.setattr(uvicorn_server, "PING_EVERY_S", 0.2)
        monkeypatch.setattr(uvicorn_server, "PONG_WITHIN_S", 0.2)
        monkeypatch.setattr(socket_protocol, "PONG_LATE_S", 0.2)
    assert uvicorn_server.PING_EVERY_S + uvicorn_server.PONG_WITHIN_S + socket_protocol.PONG_LATE_S <= 40
