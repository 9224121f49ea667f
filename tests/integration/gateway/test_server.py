"""Clients that violate the HTTP protocol."""

from __future__ import annotations

import asyncio

import pytest
from pixel_gateway.adapters.inbound.http.routing import request as request_module
from pixel_gateway.adapters.inbound.http.server import http_protocol
from pixel_gateway.adapters.inbound.http.server.uvicorn_server import HttpServer


async def exchange(server, *parts: bytes, pause_s: float = 0.0) -> bytes:
    host, port = server.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(10):
            return await reader.read(65_536)
    finally:
        writer.close()


async def test_an_endless_head_is_refused(server):
    head = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-long: " + b"a" * 200_000

    assert b" 431 " in await exchange(server, head)


async def test_many_small_fields_are_refused(server):
    head = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + b"".join(b"x-%d: 1\r\n" % n for n in range(1000)) + b"\r\n"

    assert b" 431 " in await exchange(server, head)


async def test_a_head_that_never_ends_is_closed(server, monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN_S", 0.1)

    assert await exchange(server, b"GET /healthz HTTP/1.1\r\nhost:") == b""


async def test_a_slow_body_is_408(server, secret, monkeypatch):
    monkeypatch.setattr(request_module, "BODY_WITHIN_S", 0.1)
    head = (
        f"POST /api/generations HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {secret}\r\n"
        "content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    )

    assert b" 408 " in await exchange(server, head.encode())


async def test_ten_megabytes_are_refused_early(server, secret, backstage):
    head = (
        f"POST /api/generations HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {secret}\r\n"
        "content-type: application/json\r\ncontent-length: 10000000\r\n\r\n"
    )

    assert b" 413 " in await exchange(server, head.encode())
    assert backstage.generations.submissions == []


async def test_what_is_not_http_is_400(server):
    assert b" 400 " in await exchange(server, b"\x16\x03\x01 hello\r\n\r\n")


async def never_called(scope, receive, send):
    raise AssertionError


async def test_an_address_in_use_fails_the_start(server):
    second = HttpServer(never_called, server.address, on_stop=lambda: None)

    with pytest.raises(OSError, match="in use"):
        await second.start()
