"""A loopback server that answers the generation endpoints of the public API, with faults on demand."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from pixel_embedded.data_dir import free_port

GENERATION = "gen_" + "1" * 32
EVENTS = [(1, "queued", 0), (2, "processing", 50), (3, "completed", 100)]


class FakeStudioApi:
    """One generation at a time; attributes set faults and record requests."""

    def __init__(self) -> None:
        self.address = f"http://127.0.0.1:{free_port()}"
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.resumed_after: list[str] = []
        self.download_authorizations: list[str | None] = []
        self.cut_submissions = 0
        self.refuse_submissions = 0
        self.cut_events = 0
        self.no_events = False
        self.failure: dict[str, Any] | None = None
        self.problem: dict[str, Any] | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", int(self.address.rpartition(":")[2]))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, path, _ = line.split()
            answer = self._answer(method, path, headers, body)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes | None:
        if method == "POST":
            return self._submit(headers, body)
        if path.endswith("/events"):
            return self._events(headers)
        if path.startswith("/files/"):
            self.download_authorizations.append(headers.get("authorization"))
            return _response(200, f"picture {path[-1]}".encode(), "image/png")
        return _json(200, self._generation())

    def _submit(self, headers: dict[str, str], body: bytes) -> bytes | None:
        self.keys.append(headers["idempotency-key"])
        if self.cut_submissions:
            self.cut_submissions -= 1
            return None
        if self.refuse_submissions:
            self.refuse_submissions -= 1
            return _json(503, {"detail": "Busy.", "code": "UNAVAILABLE"})
        if self.problem:
            return _json(422, self.problem)
        self.bodies.append(json.loads(body))
        return _json(202, {"success": True, "data": self._generation() | {"status": "queued"}})

    def _events(self, headers: dict[str, str]) -> bytes:
        if self.no_events:
            return _json(503, {"detail": "No live events.", "code": "UNAVAILABLE"})
        after = headers.get("last-event-id", "0")
        if after != "0":
            self.resumed_after.append(after)
        events = [event for event in EVENTS if event[0] > int(after)]
        if self.cut_events:
            self.cut_events -= 1
            events = events[:1]
        lines = [": heartbeat\n\n"]
        for sequence, status, percent in events:
            word = "failed" if self.failure and status == "completed" else status
            data = {"sequence": sequence, "status": word, "progress": percent, "currentStep": word}
            lines.append(f"id: {sequence}\nevent: progress\ndata: {json.dumps(data)}\n\n")
        return _response(200, "".join(lines).encode(), "text/event-stream")

    def _generation(self) -> dict[str, Any]:
        count = self.bodies[-1]["numberOfImages"] if self.bodies else 1
        images = [
            {"index": index, "contentType": "image/png", "url": f"{self.address}/files/{index}"}
            for index in reversed(range(count))
        ]
        return {
            "id": GENERATION,
            "status": "failed" if self.failure else "completed",
            "progress": 100,
            "sequence": 3,
            "currentStep": "done",
            "setId": "set_" + "1" * 32,
            "resultImages": images,
            "error": self.failure,
            "links": {"set": f"{self.address}/api/sets/set_{'1' * 32}"},
        }


def _json(status: int, body: dict[str, Any]) -> bytes:
    return _response(status, json.dumps(body).encode(), "application/json")


def _response(status: int, body: bytes, content_type: str) -> bytes:
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
