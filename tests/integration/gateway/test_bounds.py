"""Limits of one process."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pixel_events import BusHealth
from pixel_gateway.adapters.inbound.http.api.operation.routes import Health
from pixel_gateway.adapters.inbound.http.app import create_app
from pixel_gateway.adapters.inbound.http.live.stream_limits import StreamLimits
from pixel_gateway.adapters.inbound.http.server.uvicorn_server import HttpServer
from pixel_gateway.application.accounts.accounts import EnsureAccount
from pixel_gateway.application.accounts.api_keys import CreateApiKey
from prometheus_client import REGISTRY
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.loopback import http_client


@asynccontextmanager
async def bounded(backstage, *, in_all: int = 100, per_user: int = 100, max_connections: int = 100):
    async def ready() -> dict[str, str]:
        return {}

    async def bus() -> BusHealth:
        return BusHealth(reachable=True)

    app = create_app(
        backstage.app, Health(ready=ready, bus=bus), stream_limits=StreamLimits(in_all=in_all, per_user=per_user)
    )
    server = HttpServer(app, "127.0.0.1:0", on_stop=backstage.app.live.close_streams, max_connections=max_connections)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def client_of(backstage, server, username: str):
    account = await backstage.app.accounts.ensure(EnsureAccount(username, first_credits=1000))
    _, secret = await backstage.app.accounts.create_api_key(CreateApiKey(account.id, "laptop"))
    headers = {"authorization": f"Bearer {secret}"}
    async with http_client(f"http://{server.address}", headers=headers) as client:
        yield client


async def submitted(client) -> str:
    return (await client.post("/api/generations", json={"prompt": "a lighthouse"})).json()["data"]["id"]


def events_of(generation_id: str) -> str:
    return f"/api/generations/{generation_id}/events"


def refused(transport: str, bound: str) -> float:
    labels = {"transport": transport, "bound": bound}
    return REGISTRY.get_sample_value("pixel_gateway_refused_streams_total", labels) or 0


def socket(server, client, generation_id):
    url = f"ws://{server.address}/api/processing/{generation_id}/status"
    return connect(url, additional_headers={"authorization": client.headers["authorization"]}, proxy=None)


async def test_a_user_has_a_limit_of_open_streams_and_other_users_are_not_affected(backstage):
    before = refused("sse", "user")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(bounded(backstage, per_user=1))
        ada = await stack.enter_async_context(client_of(backstage, server, "ada"))
        bob = await stack.enter_async_context(client_of(backstage, server, "bob"))
        hers, his = await submitted(ada), await submitted(bob)
        async with asyncio.timeout(10), ada.stream("GET", events_of(hers)) as first:
            assert first.status_code == 200
            second = await ada.get(events_of(hers))
            async with bob.stream("GET", events_of(his)) as other:
                assert other.status_code == 200

    assert (second.status_code, second.json()["code"]) == (429, "TOO_MANY_STREAMS")
    assert int(second.headers["retry-after"]) >= 1
    assert refused("sse", "user") == before + 1


async def test_an_ended_or_refused_stream_no_longer_counts(backstage):
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(bounded(backstage, in_all=1, per_user=1))
        ada = await stack.enter_async_context(client_of(backstage, server, "ada"))
        generation_id = await submitted(ada)
        backstage.finish(generation_id)
        statuses = [(await ada.get(events_of(each))).status_code for each in ("gen_" + "0" * 32, generation_id) * 3]

    assert statuses == [404, 200] * 3


async def test_all_users_together_have_a_limit_of_open_streams(backstage):
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(bounded(backstage, in_all=1))
        ada = await stack.enter_async_context(client_of(backstage, server, "ada"))
        bob = await stack.enter_async_context(client_of(backstage, server, "bob"))
        hers, his = await submitted(ada), await submitted(bob)
        async with asyncio.timeout(10), ada.stream("GET", events_of(hers)):
            answer = await bob.get(events_of(his))

    assert (answer.status_code, answer.json()["code"]) == (503, "STREAMS_FULL")


@pytest.mark.parametrize(("bounds", "bound"), [({"per_user": 1}, "user"), ({"in_all": 1}, "all")])
async def test_a_socket_beyond_the_limit_is_closed_with_try_again_later(backstage, bounds, bound):
    before = refused("websocket", bound)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(bounded(backstage, **bounds))
        ada = await stack.enter_async_context(client_of(backstage, server, "ada"))
        generation_id = await submitted(ada)
        async with asyncio.timeout(10), socket(server, ada, generation_id) as first:
            await first.recv()
            async with socket(server, ada, generation_id) as second:
                with pytest.raises(ConnectionClosed):
                    await second.recv()

    assert second.close_code == 1013
    assert refused("websocket", bound) == before + 1


async def test_connections_beyond_the_limit_are_refused_and_closed(backstage):
    before = REGISTRY.get_sample_value("pixel_gateway_refused_connections_total") or 0
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(bounded(backstage, max_connections=1))
        first = await stack.enter_async_context(client_of(backstage, server, "ada"))
        second = await stack.enter_async_context(client_of(backstage, server, "bob"))
        generation_id = await submitted(first)  # its connection stays open
        answer = await second.get("/healthz")
        with pytest.raises(InvalidStatus) as opening:
            await socket(server, second, generation_id).__aenter__()
        again = await first.get("/healthz")

    assert (answer.status_code, answer.json()["code"]) == (503, "CONNECTIONS_FULL")
    assert answer.headers["connection"] == "close"
    assert opening.value.response.status_code == 503
    assert json.loads(opening.value.response.body)["retryable"] is True
    assert again.status_code == 200
    assert REGISTRY.get_sample_value("pixel_gateway_refused_connections_total") == before + 2
