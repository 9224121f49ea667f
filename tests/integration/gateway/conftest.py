"""The gateway's server on loopback, with fakes of the services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2
import pytest
from pixel_gateway.adapters.inbound.http.app import create_app
from pixel_gateway.adapters.inbound.http.server.uvicorn_server import HttpServer
from pixel_gateway.application import Application
from pixel_gateway.application.accounts.accounts import EnsureAccount
from pixel_gateway.application.accounts.api_keys import CreateApiKey

from tests.fakes.gateway import Backstage
from tests.fakes.gateway_app import health, http_app
from tests.loopback import http_client


@pytest.fixture
def backstage() -> Backstage:
    return Backstage()


@pytest.fixture
async def server(backstage: Backstage) -> AsyncIterator[HttpServer]:
    server = HttpServer(http_app(backstage.app), "127.0.0.1:0", on_stop=backstage.app.live.close_streams)
    await server.start()
    stop = asyncio.Event()
    looking = asyncio.create_task(backstage.app.live.poll_silent_generations(stop))
    yield server
    await server.stop()
    stop.set()
    await looking


@pytest.fixture
async def user_id(backstage: Backstage) -> str:
    return (await backstage.app.accounts.ensure(EnsureAccount("ada", first_credits=1000))).id


@pytest.fixture
async def secret(backstage: Backstage, user_id: str) -> str:
    _, secret = await backstage.app.accounts.create_api_key(CreateApiKey(user_id, "laptop"))
    return secret


@pytest.fixture
async def client(server: HttpServer, secret: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"authorization": f"Bearer {secret}"}
    async with http_client(f"http://{server.address}", headers=headers) as client:
        yield client


@dataclass
class Gateway:
    """One of several gateways on the same store."""

    app: Application
    server: HttpServer
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def client(self, headers: dict[str, str]) -> httpx2.AsyncClient:
        client = http_client(f"http://{self.server.address}", headers=headers)
        self.clients.append(client)
        return client


@pytest.fixture
async def two_gateways(backstage: Backstage) -> AsyncIterator[list[Gateway]]:
    gateways = []
    for app in (backstage.app, backstage.another_application()):
        server = HttpServer(create_app(app, health()), "127.0.0.1:0", on_stop=app.live.close_streams)
        await server.start()
        gateways.append(Gateway(app, server))
    stop = asyncio.Event()
    looking = [asyncio.create_task(each.app.live.poll_silent_generations(stop)) for each in gateways]
    yield gateways
    for each in gateways:
        for client in each.clients:
            await client.aclose()
        await each.server.stop()
    stop.set()
    await asyncio.gather(*looking)
