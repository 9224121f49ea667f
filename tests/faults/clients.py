"""Clients that do what a careful one does: send a key, try again with it until the answer is known, then watch."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.e2e.person import FINAL, Person


@dataclass
class History:
    """What the clients were told."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Idempotency key to generation id."""
    retries: int = 0
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)


async def submit_until_known(person: Person, body: dict[str, Any], history: History, *, within_s: float) -> str:
    """Submit one generation under a key; connection errors and 5xx are tried again with the same key."""
    key, deadline = secrets.token_hex(8), time.monotonic() + within_s
    while True:
        try:
            answer = await person.http.post("/api/generations", json=body, headers={"idempotency-key": key})
        except httpx2.TransportError:
            answer = None
        if answer is not None and answer.status_code == 202:
            generation_id: str = answer.json()["data"]["id"]
            assert history.accepted.setdefault(key, generation_id) == generation_id
            return generation_id
        assert answer is None or answer.status_code >= 500, answer.text
        assert time.monotonic() < deadline, f"not accepted within {within_s} s: {answer and answer.text}"
        history.retries += 1
        await asyncio.sleep(0.1)


async def watch_until_ended(person: Person, generation_id: str, history: History, *, within_s: float) -> None:
    """Poll until the generation has ended, through outages of the door."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            answer = await person.http.get(f"/api/generation/{generation_id}/status")
            if answer.status_code == 200 and answer.json()["status"] in FINAL:
                history.ended[generation_id] = answer.json()
                return
        except httpx2.TransportError:
            history.retries += 1
        assert time.monotonic() < deadline, f"{generation_id} not ended within {within_s} s"
        await asyncio.sleep(0.2)


async def use(person: Person, history: History, *, generations: int, images: int, callers: int = 4) -> None:
    """Submit and watch a number of small generations, a few at a time."""
    waiting = iter(range(generations))

    async def caller() -> None:
        for number in waiting:
            body = {"prompt": f"picture {number} under fire", "numberOfImages": images, "size": "256x256"}
            generation_id = await submit_until_known(person, body, history, within_s=60)
            await watch_until_ended(person, generation_id, history, within_s=90)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
