"""Careful clients: send a key, retry with it until the result is known, then watch.

Each step leaves a line in the history: `invoke` before a request, `ok`, `fail` or `unknown` after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.e2e.person import FINAL, Person
from tests.faults.history import History

NONCE = re.compile(r"nonce[0-9a-f]{16}")
REFUSED = 400, 401, 402, 403, 404, 409, 422, 429
"""Responses that mean that the request had no effect."""


@dataclass
class Client:
    """A client with a nonce in every prompt, which identifies the owner of a response."""

    person: Person
    history: History
    nonce: str = field(default_factory=lambda: f"nonce{secrets.token_hex(8)}")
    retries: int = 0

    def body(self, **fields: object) -> dict[str, Any]:
        return {"prompt": f"a fox {self.nonce}", "numberOfImages": 1, "size": "256x256", "private": True, **fields}

    async def submit(self, body: dict[str, Any], *, key: str, timeout_s: float = 30.0) -> httpx2.Response | None:
        """Send one request; None when it is unknown whether it was accepted."""
        self.history.note("invoke", "submit", key=key, nonce=self.nonce)
        try:
            answer = await self.person.http.post(
                "/api/generations", json=body, headers={"idempotency-key": key}, timeout=timeout_s
            )
        except httpx2.TransportError as error:
            self.history.note("unknown", "submit", key=key, nonce=self.nonce, error=type(error).__name__)
            return None
        if answer.status_code == httpx2.codes.ACCEPTED:
            self.history.note("ok", "submit", key=key, nonce=self.nonce, id=answer.json()["data"]["id"])
        else:
            kind = "fail" if answer.status_code in REFUSED else "unknown"
            self.history.note(
                kind, "submit", key=key, nonce=self.nonce, status=answer.status_code, error=answer.text[:500]
            )
        return answer

    async def submit_until_known(self, body: dict[str, Any], *, within_s: float = 60.0) -> str:
        """Submit with one key; retry lost responses and 5xx with the same key. Return the id."""
        key, deadline = secrets.token_hex(8), time.monotonic() + within_s
        while True:
            answer = await self.submit(body, key=key)
            if answer is not None and answer.status_code == httpx2.codes.ACCEPTED:
                return str(answer.json()["data"]["id"])
            assert answer is None or answer.status_code not in REFUSED, answer.text
            assert time.monotonic() < deadline, f"not accepted within {within_s} s: {answer and answer.text}"
            self.retries += 1
            await asyncio.sleep(0.1)

    async def read(self, path: str) -> dict[str, Any] | None:
        """Read once; None when the gateway is unavailable. The nonces of the response go to the history."""
        try:
            answer = await self.person.http.get(path)
        except httpx2.TransportError:
            self.retries += 1
            return None
        self.history.note("read", "body", id=path, nonce=self.nonce, nonces=sorted(set(NONCE.findall(answer.text))))
        if not answer.is_success:
            return None
        body: dict[str, Any] = answer.json()
        return body

    async def watch(self, generation_id: str, *, within_s: float = 90.0) -> dict[str, Any]:
        """Poll until the generation has ended, through outages of the gateway; return the last status."""
        deadline, pause_s = time.monotonic() + within_s, 0.1
        while True:
            body = await self.read(f"/api/generation/{generation_id}/status")
            if body is not None and body["status"] in FINAL:
                self.history.note("end", "watch", id=generation_id, nonce=self.nonce, status=body["status"])
                return body
            assert time.monotonic() < deadline, f"{generation_id} not ended within {within_s} s: {body}"
            await asyncio.sleep(pause_s)
            pause_s = min(1.0, pause_s * 1.3)

    async def follow(self, generation_id: str, *, within_s: float = 90.0) -> None:
        """Read the stream until the generation has ended; resume a cut stream after the last event."""
        watcher, seen = secrets.token_hex(4), 0
        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    async with contextlib.aclosing(self._events(generation_id, seen)) as events:
                        async for number, status in events:
                            if number:
                                seen = number
                                facts = {"id": generation_id, "nonce": self.nonce, "sequence": number}
                                self.history.note("event", "watch", watcher=watcher, **facts)
                            if status in FINAL:
                                return
                self.retries += 1
                await asyncio.sleep(0.1)

    async def _events(self, generation_id: str, after: int) -> AsyncGenerator[tuple[int, str], None]:
        """Yield sequence and status; a snapshot has no sequence, as it is not a stored event."""
        headers = {"last-event-id": str(after)} if after else {}
        number = 0
        async with self.person.http.stream(
            "GET", f"/api/generations/{generation_id}/events", headers=headers
        ) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("id:"):
                    number = int(line[3:])
                elif line.startswith("data:"):
                    yield number, str(json.loads(line[5:])["status"])
                    number = 0

    async def submit_many(self, generations: int, *, callers: int = 8, **fields: object) -> list[str]:
        """Submit a number of generations; return their ids."""
        at_once = asyncio.Semaphore(callers)

        async def submitted() -> str:
            async with at_once:
                return await self.submit_until_known(self.body(**fields))

        return await asyncio.gather(*(submitted() for _ in range(generations)))

    async def use(self, generations: int, *, callers: int = 4, within_s: float = 90.0, **fields: object) -> None:
        """Submit and watch generations, a few at a time, every other one by its stream."""
        waiting = iter(range(generations))

        async def caller() -> None:
            for number in waiting:
                name = await self.submit_until_known(self.body(**fields), within_s=within_s)
                if number % 2:
                    await self.follow(name, within_s=within_s)
                await self.watch(name, within_s=within_s)

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(caller())
