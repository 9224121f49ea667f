"""A client's fault at the socket is not an error of ours."""

from __future__ import annotations

import logging

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode


def socket(server, client, generation_id):
    url = f"ws://{server.address}/api/processing/{generation_id}/status"
    return connect(url, additional_headers={"authorization": client.headers["authorization"]}, proxy=None)


async def test_a_refused_opening_logs_no_error(server, client, caplog):
    caplog.set_level(logging.WARNING)
    with pytest.raises(InvalidStatus) as refused:
        await socket(server, client, "gen_" + "0" * 32).__aenter__()

    assert refused.value.response.status_code == 404
    assert caplog.records == []


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
    assert caplog.records == []
