"""Live progress over real sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from pixel_gateway.adapters.inbound.http.live import connection_monitor
from pixel_gateway.domain.generation import Status
from pixel_rpc import caller
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus


async def submitted(client) -> str:
    answer = await client.post("/api/generations", json={"prompt": "a lighthouse at dawn"})
    return answer.json()["data"]["id"]


def frames(text: str) -> list[dict[str, str]]:
    return [
        dict(line.split(": ", 1) for line in block.split("\n"))
        for block in text.strip().split("\n\n")
        if not block.startswith((":", "retry"))
    ]


def publish(backstage, generation_id, progress):
    backstage.app.live.publish(backstage.generations.advance(generation_id, Status.PROCESSING, progress))


async def test_a_stream_begins_with_a_snapshot_and_closes_after_the_end(client, backstage):
    generation_id = await submitted(client)
    async with asyncio.timeout(10), client.stream("GET", f"/api/generations/{generation_id}/events") as answer:
        publish(backstage, generation_id, 10)
        backstage.finish(generation_id)
        text = (await answer.aread()).decode()

    got = frames(text)
    assert answer.headers["content-type"] == "text/event-stream"
    assert text.startswith("retry: ")
    assert [frame["event"] for frame in got] == ["snapshot", "progress", "completed"]
    assert [frame.get("id") for frame in got] == [None, "2", "3"]
    assert json.loads(got[-1]["data"])["status"] == "completed"
    assert backstage.app.live.watched_generation_count() == 0


@pytest.mark.parametrize(("headers", "query"), [({"last-event-id": "2"}, ""), ({}, "?after=2")])
async def test_a_stream_resumes_after_the_last_event_seen(client, backstage, headers, query):
    generation_id = await submitted(client)
    for progress in (10, 50):
        publish(backstage, generation_id, progress)
    backstage.finish(generation_id)

    answer = await client.get(f"/api/generations/{generation_id}/events{query}", headers=headers)

    assert [frame["id"] for frame in frames(answer.text)] == ["3", "4"]


async def test_a_browser_that_reconnects_after_the_end_gets_204(client, backstage):
    generation_id = await submitted(client)
    backstage.finish(generation_id)
    path = f"/api/generations/{generation_id}/events"

    again = await client.get(path, headers={"last-event-id": "2"})
    asked = await client.get(f"{path}?after=2")
    backstage.generations.advance(generation_id, Status.QUEUED, 0)  # its user retries it
    backstage.finish(generation_id)
    next_round = await client.get(path, headers={"last-event-id": "2"})

    assert (again.status_code, again.text) == (204, "")
    assert [frame["event"] for frame in frames(asked.text)] == ["snapshot"]
    assert [frame.get("id") for frame in frames(next_round.text)] == ["3", "4"]
    assert backstage.app.live.watcher_count() == 0


async def test_a_generation_submitted_at_one_gateway_is_watched_at_another_and_resumed_at_the_first(
    backstage, two_gateways, secret
):
    first, second = (each.client({"authorization": f"Bearer {secret}"}) for each in two_gateways)
    generation_id = await submitted(first)
    path = f"/api/generations/{generation_id}/events"
    async with asyncio.timeout(20), second.stream("GET", path) as answer:
        for progress in (10, 50):  # only the first one receives it
            event = backstage.generations.advance(generation_id, Status.PROCESSING, progress)
            two_gateways[0].app.live.publish(event)
        lines = answer.aiter_lines()
        seen: list[str] = []
        while len(seen) < 2:
            line = await anext(lines)
            seen += [line.removeprefix("id: ")] if line.startswith("id: ") else []
    backstage.finish(generation_id)
    rest = await first.get(path, headers={"last-event-id": seen[-1]})

    assert seen + [frame["id"] for frame in frames(rest.text)] == ["2", "3", "4"]


@pytest.mark.parametrize("last", ["77", "abc", "-4", "9" * 40])
async def test_a_forged_resume_id_gets_a_resync(client, backstage, last):
    generation_id = await submitted(client)
    backstage.finish(generation_id)

    answer = await client.get(f"/api/generations/{generation_id}/events", headers={"last-event-id": last})

    assert [frame["event"] for frame in frames(answer.text)] == ["resync"]


async def test_a_silent_stream_has_heartbeats(client, backstage, monkeypatch):
    monkeypatch.setattr(connection_monitor, "HEARTBEAT_S", 0.02)
    generation_id = await submitted(client)
    async with asyncio.timeout(10), client.stream("GET", f"/api/generations/{generation_id}/events") as answer:
        async for line in answer.aiter_lines():
            if line == ": heartbeat":
                break
        backstage.finish(generation_id)


async def test_a_disconnected_client_is_removed(client, backstage, wait_until):
    generation_id = await submitted(client)
    async with client.stream("GET", f"/api/generations/{generation_id}/events"):
        assert backstage.app.live.watcher_count() == 1

    await wait_until(lambda: backstage.app.live.watcher_count() == 0)


async def test_stopping_ends_the_streams_soon(client, backstage, server):
    generation_id = await submitted(client)
    async with asyncio.timeout(5), client.stream("GET", f"/api/generations/{generation_id}/events") as answer:
        stopping = asyncio.create_task(server.stop())
        text = (await answer.aread()).decode()
        await stopping

    assert [frame["event"] for frame in frames(text)] == ["snapshot"]


def socket(server, generation_id, secret, query="", **options):
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    url = f"ws://{server.address}/api/processing/{generation_id}/status{query}"
    return connect(url, additional_headers=headers, proxy=None, **options)


async def test_a_socket_has_the_field_values_of_processing_updates(client, backstage, server, secret):
    generation_id = await submitted(client)
    async with asyncio.timeout(10), socket(server, generation_id, secret) as connection:
        first = json.loads(await connection.recv())
        publish(backstage, generation_id, 10)
        backstage.finish(generation_id)
        rest = [json.loads(message) async for message in connection]

    assert first["requestId"] == generation_id
    assert [first["event"], first["type"], first["status"], first["progress"]] == ["snapshot", "queued", "queued", 0]
    assert [(each["event"], each["type"], each["generationStatus"], each["sequence"]) for each in rest] == [
        ("progress", "processing", "processing", 2),
        ("completed", "complete", "completed", 3),
    ]
    assert [each["status"] for each in rest] == [each["type"] for each in rest]
    assert rest[-1]["setId"].startswith("set_")
    assert connection.close_code == 1000


async def test_a_browser_sends_its_key_as_a_protocol(client, server, secret):
    generation_id = await submitted(client)
    async with socket(server, generation_id, "", subprotocols=["bearer", secret]) as connection:
        await connection.recv()

        assert connection.subprotocol == "bearer"


async def test_a_socket_resumes(client, backstage, server, secret):
    generation_id = await submitted(client)
    publish(backstage, generation_id, 10)
    backstage.finish(generation_id)
    async with socket(server, generation_id, secret, "?after=1") as connection:
        got = [json.loads(message)["sequence"] async for message in connection]

    assert got == [2, 3]


@pytest.mark.parametrize("wrong", ["", "pxl_" + "x" * 43])
async def test_a_socket_without_a_working_key_is_refused(client, server, wrong):
    assert await rejection(socket(server, await submitted(client), wrong)) == 401


@pytest.mark.parametrize("wrong", ["gen_" + "0" * 32, "0", "gen_" + "A" * 32])
async def test_a_socket_of_another_users_generation_is_refused(server, secret, wrong):
    assert await rejection(socket(server, wrong, secret)) == 404


@pytest.mark.parametrize(("query", "status"), [("?token=pxl_abc", 400), ("?after=1&after=2", 400), ("?after=-1", 422)])
async def test_a_socket_with_a_wrong_query_is_refused(client, server, secret, query, status):
    assert await rejection(socket(server, await submitted(client), secret, query)) == status


async def rejection(opening) -> int:
    """Return the status of the problem in response to the opening request."""
    with pytest.raises(InvalidStatus) as refused:
        await opening.__aenter__()
    response = refused.value.response
    assert json.loads(response.body)["status"] == response.status_code
    return response.status_code


async def test_a_stopping_server_sends_the_resume_position(client, server, secret):
    generation_id = await submitted(client)
    async with asyncio.timeout(5), socket(server, generation_id, secret) as connection:
        await connection.recv()
        stopping = asyncio.create_task(server.stop())
        with pytest.raises(ConnectionClosed):
            await connection.recv()
        await stopping

    assert connection.close_code == 1001
    assert "after=1" in connection.close_reason


async def test_too_large_a_message_closes_the_socket(client, server, secret):
    generation_id = await submitted(client)
    async with asyncio.timeout(5), socket(server, generation_id, secret) as connection:
        await connection.recv()
        await connection.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            await connection.recv()

    assert connection.close_code == 1009


async def test_a_hundred_watchers_see_the_same_end(client, backstage, server, secret, wait_until):
    generation_id = await submitted(client)

    async def follow():
        async with socket(server, generation_id, secret) as connection:
            return [json.loads(message)["sequence"] async for message in connection][-1]

    tasks = [asyncio.create_task(follow()) for _ in range(100)]
    await wait_until(lambda: backstage.app.live.watcher_count() == 100, 30)
    backstage.finish(generation_id)
    async with asyncio.timeout(30):
        assert set(await asyncio.gather(*tasks)) == {2}


@pytest.mark.parametrize("transport", ["sse", "socket"])
async def test_a_stream_reads_the_store_as_its_user(client, backstage, server, secret, transport):
    generation_id = await submitted(client)
    user_id = backstage.generations.rows[generation_id].user_id
    asked, events = [], backstage.generations.events

    async def events_for(*facts):
        asked.append(caller())
        return await events(*facts)

    def jump():
        backstage.generations.advance(generation_id, Status.PROCESSING, 10)
        backstage.finish(generation_id)  # only this one arrives: the gap is read from the store

    async with asyncio.timeout(10):
        if transport == "sse":
            async with client.stream("GET", f"/api/generations/{generation_id}/events") as answer:
                backstage.generations.events = events_for
                jump()
                await answer.aread()
        else:
            async with socket(server, generation_id, secret) as connection:
                await connection.recv()
                backstage.generations.events = events_for
                jump()
                assert [json.loads(message)["sequence"] async for message in connection] == [2, 3]

    assert user_id in {each.user_id for each in asked if each.request_id}
