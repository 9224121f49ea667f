"""A light HTTP/1.1 load: keep-alive connections that send one POST after the other, so that the client is no limit."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from tests.load.report import Meter, Sample


class HttpLoad:
    """POSTs one body repeatedly, each time with a new idempotency key and the next API key in turn."""

    def __init__(
        self, address: str, path: str, body: Mapping[str, object], keys: Sequence[str], *, pids: Sequence[int]
    ) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._body = json.dumps(body).encode()
        self._keys = keys
        self._pids = pids
        self._head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"

    async def run(self, callers: int, seconds: float) -> Sample:
        """Return how many were accepted, and the CPU of the servers and this client."""
        accepted, end = 0, time.monotonic() + seconds

        async def caller(number: int) -> None:
            nonlocal accepted
            key = self._keys[number % len(self._keys)]
            reader, writer = await asyncio.open_connection(self._host, self._port)
            while time.monotonic() < end:
                writer.write(self._request(key))
                await self._expect_accepted(reader)
                accepted += 1
            writer.close()

        meter = Meter(self._pids)
        meter.start()
        await asyncio.gather(*(caller(number) for number in range(callers)))
        return meter.stop(accepted)

    async def steady(self, count: int, every_s: float) -> None:
        """Send this many, one after the other, a fixed time apart."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        for number in range(count):
            pause = asyncio.create_task(asyncio.sleep(every_s))
            writer.write(self._request(self._keys[number % len(self._keys)]))
            await self._expect_accepted(reader)
            await pause
        writer.close()

    def _request(self, key: str) -> bytes:
        head = (
            f"{self._head}Authorization: Bearer {key}\r\nIdempotency-Key: {secrets.token_hex(8)}\r\n"
            f"Content-Length: {len(self._body)}\r\n\r\n"
        )
        return head.encode() + self._body

    @staticmethod
    async def _expect_accepted(reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        start = lowered.index(b"content-length:") + len(b"content-length:")
        body = await reader.readexactly(int(lowered[start : lowered.index(b"\r\n", start)]))
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(f"not accepted: {head.decode()}{body.decode()}")
