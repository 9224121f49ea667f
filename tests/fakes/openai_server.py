"""A loopback server with the wire format of OpenAI's image API, planned faults and a log of every call."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from PIL import Image

OK, REFUSED, ERROR = "HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request", "HTTP/1.1 500 Internal Server Error"


class Fault(StrEnum):
    """The response to one request."""

    NONE = "none"
    RATE_LIMITED = "rate_limited"
    QUOTA_SPENT = "quota_spent"
    SERVER_ERROR = "server_error"
    UNAVAILABLE_HTML = "unavailable_html"
    BAD_GATEWAY_HTML = "bad_gateway_html"
    UNAUTHORIZED = "unauthorized"
    MODERATED = "moderated"
    INVALID = "invalid"
    HANG = "hang"
    """Accept the request, never respond."""
    RESET = "reset"
    """Accept the request, drop the connection."""
    CUT = "cut"
    """Drop the connection in the middle of the body."""
    DRIP = "drip"
    """Send the response a byte at a time."""
    WRONG_TYPE = "wrong_type"
    EMPTY_DATA = "empty_data"
    ZERO_BYTES = "zero_bytes"
    TRUNCATED_PNG = "truncated_png"
    """Valid base64 of half an image."""
    BROKEN_BASE64 = "broken_base64"
    FEWER = "fewer"
    """One image less than requested."""


@dataclass(frozen=True)
class Call:
    """One received request."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    request_id: str
    fault: Fault = Fault.NONE

    @property
    def is_charged(self) -> bool:
        """Whether the provider did the work, regardless of its response."""
        return self.fault not in _REJECTIONS


@dataclass
class OpenAIServer:
    """Each generation call consumes one entry of `plan`; later calls get `otherwise`."""

    plan: list[Fault]
    base_url: str = ""
    calls: list[Call] = field(default_factory=list)
    drip_interval_s: float = 0.05
    delay_s: float = 0.0
    """Seconds of a good response."""
    otherwise: Fault = Fault.NONE
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def generations(self) -> list[Call]:
        """The calls that would be charged."""
        return [call for call in self.calls if call.path == "/v1/images/generations"]

    @property
    def charged(self) -> list[Call]:
        """The generation calls whose work was done, as on the invoice."""
        return [call for call in self.generations if call.is_charged]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not self._closing.is_set():
                call = await self._read(reader)
                await self._answer(call, writer)
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Call:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        fault = Fault.NONE
        if (method, path) == ("POST", "/v1/images/generations") and headers.get("authorization", ""):
            fault = self.plan.pop(0) if self.plan else self.otherwise
        call = Call(method, path, headers, json.loads(raw) if raw else {}, f"req_{len(self.calls):08d}", fault)
        self.calls.append(call)
        return call

    async def _answer(self, call: Call, writer: asyncio.StreamWriter) -> None:
        if not call.headers.get("authorization", "").startswith("Bearer "):
            await self._send(writer, call, "HTTP/1.1 401 Unauthorized", _error("Missing key", "invalid_api_key"))
        elif (call.method, call.path) == ("GET", "/v1/models"):
            models = [{"id": "gpt-image-2", "object": "model", "created": 1, "owned_by": "openai"}]
            await self._send(writer, call, OK, {"object": "list", "data": models})
        elif (call.method, call.path) == ("POST", "/v1/images/generations"):
            await self._generate(call, call.fault, writer)
        else:
            await self._send(writer, call, "HTTP/1.1 404 Not Found", _error("Unknown path", "not_found"))

    async def _generate(self, call: Call, fault: Fault, writer: asyncio.StreamWriter) -> None:
        if fault is Fault.HANG:
            await self._closing.wait()
            raise ConnectionAbortedError
        if fault is Fault.RESET:
            writer.transport.abort()
            raise ConnectionResetError
        if fault in _REJECTIONS:
            status, body, extra = _REJECTIONS[fault]
            await self._send(writer, call, status, body, extra)
        elif fault is Fault.WRONG_TYPE:
            await self._send(writer, call, OK, "<html>cached by a proxy</html>")
        elif fault is Fault.ZERO_BYTES:
            await self._send(writer, call, OK, "")
        else:
            await self._send_pictures(call, fault, writer)

    async def _send_pictures(self, call: Call, fault: Fault, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self.delay_s)
        count = call.body.get("n") or 1
        pictures = [picture(call.body.get("size") or "1024x1024", index) for index in range(count)]
        texts = [base64.b64encode(data).decode() for data in pictures]
        if fault is Fault.EMPTY_DATA:
            texts = []
        elif fault is Fault.TRUNCATED_PNG:
            texts = [base64.b64encode(data[: len(data) // 2]).decode() for data in pictures]
        elif fault is Fault.BROKEN_BASE64:
            texts = [text[:-3] + "*" for text in texts]
        elif fault is Fault.FEWER:
            texts = texts[:-1]
        body = {
            "created": 1_790_000_000,
            "output_format": "png",
            "data": [{"b64_json": text} for text in texts],
            "usage": {
                "input_tokens": 50,
                "input_tokens_details": {"text_tokens": 50, "image_tokens": 0},
                "output_tokens": 1000 * count,
                "total_tokens": 50 + 1000 * count,
            },
        }
        if fault in {Fault.DRIP, Fault.CUT}:
            await self._send_slowly(call, json.dumps(body).encode(), fault, writer)
        else:
            await self._send(writer, call, OK, body)

    async def _send_slowly(self, call: Call, payload: bytes, fault: Fault, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(call, OK, "application/json", len(payload), {}))
        if fault is Fault.CUT:
            writer.write(payload[: len(payload) // 2])
            await writer.drain()
            writer.transport.close()
            raise ConnectionResetError
        for at in range(len(payload)):
            writer.write(payload[at : at + 1])
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self.drip_interval_s)
                raise ConnectionAbortedError

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        call: Call,
        status: str,
        body: dict[str, Any] | str,
        extra: dict[str, str] | None = None,
    ) -> None:
        is_json = isinstance(body, dict)
        payload = json.dumps(body).encode() if is_json else str(body).encode()
        writer.write(_head(call, status, "application/json" if is_json else "text/html", len(payload), extra or {}))
        writer.write(payload)
        await writer.drain()

    def stop(self) -> None:
        """End the requests that hang or send slowly."""
        self._closing.set()


def _head(call: Call, status: str, content_type: str, length: int, extra: dict[str, str]) -> bytes:
    headers = {"content-type": content_type, "content-length": str(length), "x-request-id": call.request_id} | extra
    return "\r\n".join([status, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def _error(message: str, code: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_REJECTIONS: dict[Fault, tuple[str, dict[str, Any] | str, dict[str, str]]] = {
    Fault.RATE_LIMITED: (
        "HTTP/1.1 429 Too Many Requests",
        _error("Slow down", "rate_limit_exceeded", "requests"),
        {"retry-after": "7"},
    ),
    Fault.QUOTA_SPENT: (
        "HTTP/1.1 429 Too Many Requests",
        _error("You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
        {},
    ),
    Fault.SERVER_ERROR: (ERROR, _error("The server had an error", "server_error", "server_error"), {}),
    Fault.UNAVAILABLE_HTML: ("HTTP/1.1 503 Service Unavailable", "<html><h1>503</h1></html>", {"retry-after": "3"}),
    Fault.BAD_GATEWAY_HTML: ("HTTP/1.1 502 Bad Gateway", "<html><h1>502</h1></html>", {}),
    Fault.UNAUTHORIZED: ("HTTP/1.1 401 Unauthorized", _error("Incorrect API key provided", "invalid_api_key"), {}),
    Fault.MODERATED: (
        REFUSED,
        _error("Rejected by the safety system", "moderation_blocked", "image_generation_user_error"),
        {},
    ),
    Fault.INVALID: (REFUSED, _error("Invalid size", "invalid_value"), {}),
}


@lru_cache
def picture(size: str, index: int) -> bytes:
    """A PNG of the size `WIDTHxHEIGHT`, of another colour for each index."""
    width, height = (int(part) for part in size.split("x"))
    out = io.BytesIO()
    Image.new("RGB", (width, height), (40 * index % 256, 120, 200)).save(out, "PNG")
    return out.getvalue()


@asynccontextmanager
async def run_openai_server(plan: Sequence[Fault] = ()) -> AsyncIterator[OpenAIServer]:
    """Serve on a free loopback port until the block ends."""
    api = OpenAIServer(list(plan))
    listener = await asyncio.start_server(api.handle, "127.0.0.1", 0, limit=1 << 20)
    api.base_url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield api
    finally:
        api.stop()
        listener.close()
