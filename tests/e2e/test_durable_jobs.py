"""One durable job on every transport: a client that disconnects or is cut off loses nothing and pays once."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai import AsyncOpenAI

from tests.e2e.person import Person
from tests.loopback import http_client

CUT_RUNS = int(os.environ.get("CUT_RUNS", "200" if os.environ.get("PROFILE") == "full" else "10"))
"""Streams over a connection that is cut; 200 in `make faults`."""


async def found_by_key(person: Person, key: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await person.http.get("/api/generations", params={"idempotencyKey": key})).json()[
        "items"
    ]
    return items


async def test_an_openai_client_that_timed_out_gets_its_paid_image_by_retrying(person: Person) -> None:
    available, _ = await person.credits()
    key = "gave-up-1"
    async with AsyncOpenAI(base_url=f"{person.studio.address}/v1", api_key=person.api_key, max_retries=0) as client:
        asked = client.images.generate(
            prompt="a slow ship", n=4, size="1792x1024", extra_headers={"Idempotency-Key": key}, timeout=1
        )
        given_up = asyncio.create_task(asked)
        async with asyncio.timeout(20):
            while not await found_by_key(person, key):
                await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        (found,) = await found_by_key(person, key)
        assert (await person.finished(found["id"]))["status"] == "completed"
        again = await client.images.generate(
            prompt="a slow ship", n=4, size="1792x1024", extra_headers={"Idempotency-Key": key}
        )
    assert again.data is not None
    assert len(again.data) == 4
    assert len(await found_by_key(person, key)) == 1
    assert await person.credits() == (available - 4, 0)


async def test_the_openai_endpoint_answers_at_once_when_asked_to(person: Person) -> None:
    answer = await person.http.post(
        "/v1/images/generations", json={"prompt": "later", "size": "256x256"}, headers={"prefer": "respond-async"}
    )
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    generation_id = answer.json()["data"]["id"]
    assert answer.headers["location"].endswith(f"/api/generations/{generation_id}")
    assert (await person.finished(generation_id))["status"] == "completed"


async def test_a_caller_can_wait_for_the_result(person: Person) -> None:
    body = {"prompt": "soon", "size": "256x256"}
    answer = await person.http.post("/api/generations", json=body, headers={"prefer": "wait=30"})
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.json()["data"]["status"] == "completed"
    impatient = await person.http.post("/api/generations", json=body, headers={"prefer": "wait=soon"})
    assert impatient.status_code == 202
    assert "preference-applied" not in impatient.headers
    await person.finished(impatient.json()["data"]["id"])


@asynccontextmanager
async def cutting_line(address: str, every_s: float) -> AsyncIterator[str]:
    """Yield an address of the studio whose connections are cut repeatedly."""
    target = urlsplit(address)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(target.hostname, target.port)
        both = asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)
        try:
            await asyncio.wait_for(both, every_s)
        except TimeoutError:
            pass
        finally:
            writer.transport.abort()
            back.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def followed(address: str, person: Person, generation_id: str) -> list[tuple[int, str]]:
    """Read a stream as a browser does: reconnect with the last id until it ends; return (id, status)."""
    seen: list[tuple[int, str]] = []
    headers = {"authorization": f"Bearer {person.api_key}"}
    async with http_client(address, timeout=10.0) as http, asyncio.timeout(60):
        is_over = False
        while not is_over:
            last = {"last-event-id": str(seen[-1][0])} if seen else {}
            try:
                is_over = await _read(http, f"/api/generations/{generation_id}/events", headers | last, seen)
            except httpx2.TransportError:
                await asyncio.sleep(0.01)
    return seen


async def _read(http: httpx2.AsyncClient, path: str, headers: dict[str, str], seen: list[tuple[int, str]]) -> bool:
    """Collect the events; True once the end came, which a late client gets as its snapshot."""
    event_id = ""
    async with http.stream("GET", path, headers=headers) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("id:"):
                event_id = line[3:].strip()
            elif line.startswith("data:"):
                status = json.loads(line[5:])["status"]
                if event_id:
                    seen.append((int(event_id), status))
                event_id = ""
                if status in {"completed", "failed"}:
                    return True
    return False


async def test_a_repeatedly_disconnected_stream_has_no_gap_and_no_repeat(person: Person) -> None:
    told = 0
    async with cutting_line(person.studio.address, 0.3) as address:
        for run in range(CUT_RUNS):
            accepted = await person.submit({"prompt": f"cut {run}", "numberOfImages": 4, "size": "512x512"})
            numbers = [number for number, _ in await followed(address, person, accepted["id"])]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)) if numbers else [])
            told += len(numbers)
    assert told >= CUT_RUNS


async def all_followed(address: str, person: Person, ids: set[str], position: str) -> dict[str, list[int]]:
    """Read the user channel as a browser does until these generations have ended; return the events of each."""
    told: dict[str, list[int]] = {each: [] for each in ids}
    ended: set[str] = set()
    headers = {"authorization": f"Bearer {person.api_key}"}
    async with http_client(address, timeout=10.0) as http, asyncio.timeout(120):
        while ended != ids:
            try:
                async with http.stream("GET", "/api/events", headers=headers | {"last-event-id": position}) as stream:
                    assert stream.status_code == 200
                    event_id = ""
                    async for line in stream.aiter_lines():
                        if line.startswith("id:"):
                            event_id = line[3:].strip()
                        elif line.startswith("data:"):
                            body = json.loads(line[5:])
                            assert body["type"] not in {"snapshot", "resync"}
                            position = event_id
                            if body["generationId"] in ids:
                                told[body["generationId"]].append(body["sequence"])
                                ended |= {body["generationId"]} if body["status"] == "completed" else set()
                        if ended == ids:
                            break
            except httpx2.TransportError:
                await asyncio.sleep(0.01)
    return told


async def test_a_repeatedly_disconnected_channel_has_no_gap_and_no_repeat(person: Person) -> None:
    headers = {"authorization": f"Bearer {person.api_key}"}
    async with person.http.stream("GET", "/api/events", headers=headers) as stream, asyncio.timeout(10):
        lines = [line async for line in _until(stream.aiter_lines(), "data:")]
    position = next(line[3:].strip() for line in lines if line.startswith("id:"))
    accepted = []
    async with cutting_line(person.studio.address, 0.3) as address:
        following: asyncio.Task[dict[str, list[int]]] | None = None
        for run in range(0, CUT_RUNS, 10):
            batch = [
                await person.submit({"prompt": f"all {run + each}", "numberOfImages": 2, "size": "256x256"})
                for each in range(min(10, CUT_RUNS - run))
            ]
            ids = {each["id"] for each in batch}
            accepted += batch
            following = asyncio.create_task(all_followed(address, person, ids, position))
            for numbers in (await following).values():
                assert numbers == list(range(1, len(numbers) + 1))
    assert len(accepted) == CUT_RUNS


async def _until(lines: AsyncIterator[str], start: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith(start):
            return


async def test_a_client_that_disconnects_before_the_response_pays_for_one_job_at_most(person: Person) -> None:
    available, _ = await person.credits()
    async with AsyncOpenAI(base_url=f"{person.studio.address}/v1", api_key=person.api_key, max_retries=0) as client:
        for _ in range(3):
            try:
                await client.images.generate(
                    prompt="in a hurry", size="512x512", extra_headers={"Idempotency-Key": "hurry"}, timeout=0.02
                )
            except openai.APITimeoutError:
                continue
        made = await client.images.generate(
            prompt="in a hurry", size="512x512", extra_headers={"Idempotency-Key": "hurry"}, timeout=60
        )
    assert made.data is not None
    assert len(made.data) == 1
    assert await person.credits() == (available - 1, 0)
