"""Faults of WebSocket clients log no error."""

from __future__ import annotations

import asyncio
import json
import logging
from socket import SHUT_WR, create_connection

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close, Frame, Opcode


def socket(server, client, generation_id):
    url = f"ws://{server.address}/api/processing/{generation_id}/status"
    return connect(url, additional_headers={"authorization": client.headers["authorization"]}, proxy=None)


def errors_of_ours(caplog) -> list[str]:
    """Return the server's log lines, without those of the test's own client and loop."""
    return [each.getMessage() for each in caplog.records if each.name.startswith(("pixel", "uvicorn"))]


async def test_a_refused_opening_logs_no_error(server, client, caplog):
    caplog.set_level(logging.WARNING)
    with pytest.raises(InvalidStatus) as refused:
        await socket(server, client, "gen_" + "0" * 32).__aenter__()

    assert refused.value.response.status_code == 404
    assert errors_of_ours(caplog) == []


BAD_FRAMES = {
    1007: Frame(Opcode.TEXT, b"\xff"),
    1002: Frame(Opcode.CONT, b"x"),
    1009: Frame(Opcode.BINARY, b"x" * 70_000),
}


@pytest.mark.parametrize("code", BAD_FRAMES)
async def test_a_bad_frame_closes_and_logs_no_error(server, client, caplog, code):
    caplog.set_level(logging.WARNING)
    generation_id = (await client.post("/api/generations", json={"prompt": "a"})).json()["data"]["id"]
    async with socket(server, client, generation_id) as opened:
        await opened.recv()
        opened.protocol.send_frame(BAD_FRAMES[code])
        opened.send_data()
        with pytest.raises(ConnectionClosed):
            await opened.recv()

    assert opened.close_code == code
    assert errors_of_ours(caplog) == []


async def test_a_client_that_keeps_sending_receives_the_close_reason(server, client):
    generation_id = (await client.post("/api/generations", json={"prompt": "a"})).json()["data"]["id"]
    host, _, port = server.address.rpartition(":")
    head = (
        f"GET /api/processing/{generation_id}/status HTTP/1.1\r\nHost: {server.address}\r\n"
        f"Authorization: {client.headers['authorization']}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )

    def send_all_then_read() -> bytes:
        with create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.encode())
            opened = connection.recv(65_536)  # frames may follow only now
            connection.sendall(BAD_FRAMES[1009].serialize(mask=True) * 300)
            connection.shutdown(SHUT_WR)
            return opened + b"".join(iter(lambda: connection.recv(65_536), b""))

    told = await asyncio.to_thread(send_all_then_read)
    close = Frame(Opcode.CLOSE, Close(1009, "frame with 70000 bytes exceeds limit of 65536 bytes").serialize())
    assert told.endswith(close.serialize(mask=False))


@pytest.mark.parametrize("path", ["/api/nothing", "/api/generations", "/"])
async def test_opening_a_socket_at_an_unknown_path_is_a_problem(server, client, path):
    headers = {"authorization": client.headers["authorization"]}
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{server.address}{path}", additional_headers=headers, proxy=None).__aenter__()

    answer = refused.value.response
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(answer.body)["code"] == "ROUTE_NOT_FOUND"


async def test_a_client_that_disconnects_before_its_stream_begins_logs_no_error(
    client, backstage, server, caplog, wait_until
):
    caplog.set_level(logging.WARNING)
    generation_id = (await client.post("/api/generations", json={"prompt": "a"})).json()["data"]["id"]
    asked, may_answer, get = asyncio.Event(), asyncio.Event(), backstage.generations.get

    async def slow(*facts):
        asked.set()
        await may_answer.wait()
        return await get(*facts)

    backstage.generations.get = slow
    host, _, port = server.address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"GET /api/generations/{generation_id}/events HTTP/1.1\r\nHost: {server.address}\r\n"
    writer.write(f"{head}Authorization: {client.headers['authorization']}\r\n\r\n".encode())
    await asyncio.wait_for(asked.wait(), 10)
    writer.transport.abort()
    for _ in range(3):
        await client.get("/healthz")  # by then the server has seen the end of the other connection
    may_answer.set()
    await wait_until(lambda: backstage.app.live.watcher_count() == 0)

    assert errors_of_ours(caplog) == []
