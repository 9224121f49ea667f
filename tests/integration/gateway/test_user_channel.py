"""The user channel and tickets, over real sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from pixel_gateway.application.live import user_channel
from pixel_gateway.domain.generation import Status
from prometheus_client import REGISTRY
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.gateway.test_streams import frames, publish, submitted


async def submitted_and_told(client, backstage) -> str:
    generation_id = await submitted(client)
    backstage.app.live.publish(backstage.generations.rows[generation_id].as_progress())
    return generation_id


class Events:
    """Reads server-sent events one at a time."""

    def __init__(self, answer) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> dict[str, str]:
        frame: dict[str, str] = {}
        async for line in self._lines:
            if not line and "event" in frame:
                return frame
            name, _, value = line.partition(": ")
            frame[name] = value
        raise EOFError


def events_socket(server, secret="", query=""):
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    return connect(f"ws://{server.address}/api/events{query}", additional_headers=headers, proxy=None)


async def test_the_user_channel_resumes_from_its_last_id(client, backstage):
    first = await submitted_and_told(client, backstage)
    async with asyncio.timeout(10), client.stream("GET", "/api/events") as answer:
        events = Events(answer)
        snapshot = await events.next()
        second = await submitted_and_told(client, backstage)
        told = await events.next()
    publish(backstage, first, 10)
    backstage.finish(second)
    async with asyncio.timeout(10):
        async with client.stream("GET", "/api/events", headers={"last-event-id": told["id"]}) as answer:
            events = Events(answer)
            resumed = [await events.next(), await events.next()]

    body = json.loads(snapshot["data"])
    assert answer.headers["content-type"] == "text/event-stream"
    assert (snapshot["event"], body["type"], body["truncated"]) == ("snapshot", "snapshot", False)
    assert [each["generationId"] for each in body["generations"]] == [first]
    assert body["position"] == snapshot["id"]
    assert json.loads(told["data"])["generationId"] == second
    assert [(each["event"], json.loads(each["data"])["sequence"]) for each in resumed] == [
        ("progress", 2),
        ("completed", 2),
    ]
    assert [json.loads(each["data"])["position"] for each in resumed] == [each["id"] for each in resumed]


@pytest.mark.parametrize("last", ["77", "abc", "-4", "9" * 400, "99." + "0" * 32 + ".1"])
async def test_a_forged_position_gets_a_resync(client, last):
    async with asyncio.timeout(10), client.stream("GET", "/api/events", headers={"last-event-id": last}) as answer:
        assert (await Events(answer).next())["event"] == "resync"


async def test_a_socket_of_the_user_channel_resumes_at_the_requested_position(client, backstage, server, secret):
    async with asyncio.timeout(10), events_socket(server, secret) as connection:
        snapshot = json.loads(await connection.recv())
        generation_id = await submitted_and_told(client, backstage)
        told = json.loads(await connection.recv())
        stopping = asyncio.create_task(server.stop())
        with pytest.raises(ConnectionClosed):
            await connection.recv()
        await stopping

    assert snapshot["type"] == "snapshot"
    assert (told["requestId"], told["event"], told["status"]) == (generation_id, "progress", "queued")
    assert (connection.close_code, connection.close_reason) == (
        1001,
        f"going away; resume with after={told['position']}",
    )


async def test_the_channel_needs_a_key(server):
    with pytest.raises(InvalidStatus) as refused:
        await events_socket(server).__aenter__()
    assert refused.value.response.status_code == 401


async def test_two_gateways_give_the_same_events_to_a_client_that_moves(backstage, two_gateways, secret, monkeypatch):
    monkeypatch.setattr(user_channel, "_FIRST_LOOK_S", 0.1)
    headers = {"authorization": f"Bearer {secret}"}
    first, second = two_gateways
    seen: list[tuple[str, int]] = []
    position = ""
    generations = [await submitted(first.client(headers)) for _ in range(3)]
    for turn in range(10):
        server = (first, second)[turn % 2]
        async with asyncio.timeout(20):
            query = f"?after={position}" if position else ""
            async with server.client(headers).stream("GET", f"/api/events{query}") as answer:
                events = Events(answer)
                if not position:
                    position = (await events.next())["id"]
                for generation_id in generations:  # only the other gateway receives it
                    event = backstage.generations.advance(generation_id, Status.PROCESSING, turn)
                    (second, first)[turn % 2].app.live.publish(event)
                for _ in range(2 if turn < 9 else 2 + 10):  # disconnects while another one is sent
                    told = await events.next()
                    position = told["id"]
                    body = json.loads(told["data"])
                    seen.append((body["generationId"], body["sequence"]))

    for generation_id in generations:
        assert [sequence for each, sequence in seen if each == generation_id] == [*range(2, 12)]


async def made_ticket(client, body=None) -> str:
    answer = await client.post("/api/tickets", json=body or {})
    assert answer.status_code == 201
    assert answer.json()["expiresAt"]
    return answer.json()["ticket"]


def tickets(outcome: str) -> float:
    return REGISTRY.get_sample_value("pixel_gateway_tickets_total", {"outcome": outcome}) or 0


async def anonymous(client, path):
    return await client.get(path, headers={"authorization": ""})


async def test_a_ticket_opens_one_stream_once(client, backstage, server):
    used, refused = tickets("used"), tickets("refused")
    generation_id = await submitted(client)
    backstage.finish(generation_id)
    ticket = await made_ticket(client)
    del client.headers["authorization"]
    first = await client.get(f"/api/generations/{generation_id}/events?ticket={ticket}")
    second = await client.get(f"/api/generations/{generation_id}/events?ticket={ticket}")

    assert [frame["event"] for frame in frames(first.text)] == ["snapshot"]
    assert (second.status_code, second.json()["code"]) == (401, "TICKET_REFUSED")
    assert (tickets("used"), tickets("refused")) == (used + 1, refused + 1)


async def test_a_ticket_opens_the_sockets(client, backstage, server):
    generation_id = await submitted(client)
    for path in (f"/api/processing/{generation_id}/status", "/api/events"):
        ticket = await made_ticket(client)
        async with asyncio.timeout(5), connect(f"ws://{server.address}{path}?ticket={ticket}", proxy=None) as opened:
            assert json.loads(await opened.recv())["type"] in {"queued", "snapshot"}


async def test_a_ticket_of_one_generation_opens_no_other_stream(client, server):
    mine, other = await submitted(client), await submitted(client)
    tickets_of_mine = [await made_ticket(client, {"generationId": mine}) for _ in range(3)]
    del client.headers["authorization"]
    for path in (f"/api/generations/{other}/events", "/api/events"):
        assert (await client.get(f"{path}?ticket={tickets_of_mine.pop()}")).status_code == 401
    address = f"ws://{server.address}/api/processing/{mine}/status?ticket={tickets_of_mine.pop()}"
    async with connect(address, proxy=None) as opened:
        await opened.recv()


async def test_a_ticket_expires_after_a_minute(client, backstage):
    ticket = await made_ticket(client)
    backstage.clock.advance(60)
    del client.headers["authorization"]

    assert (await client.get(f"/api/events?ticket={ticket}")).status_code == 401


async def test_a_ticket_opens_nothing_but_streams(client):
    ticket = await made_ticket(client)
    del client.headers["authorization"]

    assert (await client.get(f"/api/keys?ticket={ticket}")).status_code == 401


async def test_a_ticket_for_another_users_generation_is_refused(client):
    answer = await client.post("/api/tickets", json={"generationId": "gen_" + "0" * 32})

    assert (answer.status_code, answer.json()["code"]) == (404, "GENERATION_NOT_FOUND")


async def test_a_key_used_as_a_ticket_is_refused(client, secret):
    del client.headers["authorization"]
    answer = await client.get(f"/api/events?ticket={secret}")

    assert (answer.status_code, answer.json()["code"]) == (400, "TOKEN_IN_ADDRESS")
