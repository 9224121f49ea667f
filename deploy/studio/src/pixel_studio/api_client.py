"""A client of the public HTTP API, without any private access."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from pixel_studio.errors import StudioError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

TIMEOUT_S = 30.0
TRIES = 5
FIRST_PAUSE_S = 0.3
POLL_S = 0.5
LIVE_FAILURES = 3
"""Consecutive failed event streams after which the client polls instead."""

TOO_MANY_REQUESTS, SERVER_ERROR, UNAVAILABLE = 429, 500, 503
FINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class Update:
    """Status and progress of a generation."""

    status: str
    percent: int
    message: str
    sequence: int

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


class ApiClient:
    """The public API as one account."""

    def __init__(self, http: httpx2.AsyncClient, api_key: str) -> None:
        self._http = http
        # Sent to the API only: URLs of pictures carry their own signature and may point to another host.
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def submit(self, body: Mapping[str, Any], *, idempotency_key: str) -> dict[str, Any]:
        """Submit a generation. The idempotency key makes a retry after a failed call safe."""
        headers = self._headers | {"Idempotency-Key": idempotency_key}
        response = await _retried(lambda: self._http.post("/api/generations", json=body, headers=headers))
        accepted: dict[str, Any] = response.json()["data"]
        return accepted

    async def generation(self, generation_id: str) -> dict[str, Any]:
        """Return a generation with its pictures."""
        response = await _retried(lambda: self._http.get(f"/api/generations/{generation_id}", headers=self._headers))
        found: dict[str, Any] = response.json()
        return found

    async def follow(self, generation_id: str) -> AsyncIterator[Update]:
        """Yield updates until the generation has ended: from the event stream, or by polling when streams fail."""
        seen, failures = 0, 0
        while failures < LIVE_FAILURES:
            before = seen
            try:
                async for update in self._live(generation_id, seen):
                    seen = max(seen, update.sequence)
                    yield update
                    if update.is_final:
                        return
            except (httpx2.TransportError, StudioError):
                await asyncio.sleep(FIRST_PAUSE_S)
            failures = 0 if seen > before else failures + 1
        while True:
            update = _update(await self.generation(generation_id))
            yield update
            if update.is_final:
                return
            await asyncio.sleep(POLL_S)

    async def download(self, address: str) -> bytes:
        """Return the bytes at a URL of this studio or of its object store."""
        response = await _retried(lambda: self._http.get(address))
        return response.content

    async def _live(self, generation_id: str, after: int) -> AsyncIterator[Update]:
        resume = {"Last-Event-ID": str(after)} if after else {}
        headers = self._headers | {"Accept": "text/event-stream"} | resume
        address = f"/api/generations/{generation_id}/events"
        async with self._http.stream("GET", address, headers=headers) as response:
            if response.is_error:
                await response.aread()
                raise _problem(response)
            async for line in response.aiter_lines():
                field, _, value = line.partition(":")
                if field == "data":
                    yield _update(msgspec.json.decode(value.strip()))


@asynccontextmanager
async def open_client(address: str, api_key: str) -> AsyncIterator[ApiClient]:
    """Connect to a studio's public HTTP address."""
    async with httpx2.AsyncClient(base_url=address, timeout=TIMEOUT_S, trust_env=False) as http:
        yield ApiClient(http, api_key)


async def _retried(call: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """Make a call that is safe to repeat; raise StudioError with the studio's answer when retries do not help."""
    pause_s = FIRST_PAUSE_S
    for attempt in range(1, TRIES + 1):
        try:
            response = await call()
        except httpx2.TransportError as error:
            if attempt == TRIES:
                raise StudioError(f"the studio does not answer: {error or type(error).__name__}") from error
        else:
            if not response.is_error:
                return response
            transient = response.status_code in (TOO_MANY_REQUESTS, UNAVAILABLE)
            if not transient or attempt == TRIES:
                raise _problem(response)
            pause_s = max(pause_s, _retry_after_s(response))
        await asyncio.sleep(pause_s)
        pause_s *= 2
    raise AssertionError


def _retry_after_s(response: httpx2.Response) -> float:
    text = response.headers.get("retry-after", "")
    return min(float(text), TIMEOUT_S) if text.isdigit() else 0.0


def _problem(response: httpx2.Response) -> StudioError:
    """Return a problem response as one sentence."""
    try:
        problem = response.json()
    except ValueError:
        return StudioError(f"the studio answered {response.status_code} to {response.request.url.path}")
    details = [
        f"{error.get('field') or error.get('pointer', '')}: {error.get('message', '')}"
        for error in problem.get("errors", [])
    ]
    text = problem.get("detail") or problem.get("title") or f"status {response.status_code}"
    return StudioError("; ".join([f"{text} ({problem.get('code', response.status_code)})", *details]))


def _update(body: Mapping[str, Any]) -> Update:
    return Update(
        status=body["status"],
        percent=body["progress"],
        message=body["currentStep"],
        sequence=body["sequence"],
    )
