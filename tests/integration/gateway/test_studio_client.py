"""The studio's client with its test server and with the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pixel_gateway.adapters.inbound.http.server.uvicorn_server import HttpServer
from pixel_gateway.domain.generation import Status
from pixel_studio.api_client import ApiClient, Update, open_client
from pixel_studio.pictures import Wanted, make_pictures

from tests.fakes.studio_api import FakeStudioApi

SERVERS = {FakeStudioApi: HttpServer}


@pytest.fixture(params=["fake", "gateway"])
async def studio(request, backstage, server, secret, wait_until) -> AsyncIterator[ApiClient]:
    if request.param == "fake":
        async with FakeStudioApi() as api, open_client(api.address, "pxl_test") as client:
            yield client
        return

    async def paint() -> None:
        await wait_until(lambda: backstage.generations.rows)
        (generation_id,) = backstage.generations.rows
        backstage.app.live.publish(backstage.generations.advance(generation_id, Status.PROCESSING, 50))
        backstage.finish(generation_id)

    painting = asyncio.create_task(paint())
    async with open_client(f"http://{server.address}", secret) as client:
        yield client
    await painting


async def test_pictures_are_followed_to_their_end_and_saved_in_batch_order(studio, tmp_path):
    updates: list[Update] = []
    made = await make_pictures(studio, Wanted("A red fox", count=2), tmp_path, updates.append)
    assert [file.name for file in made.files] == ["a-red-fox-1.png", "a-red-fox-2.png"]
    assert all(file.stat().st_size > 0 for file in made.files)
    sequences = [update.sequence for update in updates]
    assert sequences == sorted(set(sequences))
    assert (updates[-1].status, updates[-1].percent) == ("completed", 100)
