"""The whole service on a real database and bus, with the other services unreachable."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pixel.gateway.v1 import accounts_service_pb2 as pb
from pixel.gateway.v1 import accounts_service_pb2_grpc as stubs
from pixel_errors import Invalid, NotFound
from pixel_gateway.adapters.inbound.http.server.uvicorn_server import HttpServer
from pixel_gateway.main import build
from pixel_gateway.settings import Settings
from pixel_rpc import RpcServer, open_channel
from pixel_telemetry import MetricsServer

from tests.loopback import http_client

AWAY = "127.0.0.1:9"


@pytest.fixture
async def service(make_database):
    database, bus = await make_database("gateway"), await make_database("bus")
    settings = replace(
        Settings(),
        http_address="127.0.0.1:0",
        grpc_address="127.0.0.1:0",
        database_url=database.url,
        bus_url=bus.url,
        generation_address=AWAY,
        media_address=AWAY,
        social_address=AWAY,
        metrics_address="127.0.0.1:0",
    )
    async with build(settings) as service:
        await service.start()
        yield service
        await service.stop()


@pytest.fixture
async def accounts(service):
    address = next(part.address for part in service.parts if isinstance(part, RpcServer))
    async with open_channel(address) as channel:
        yield stubs.AccountsServiceStub(channel)


@pytest.fixture
async def http(service):
    address = next(part.address for part in service.parts if isinstance(part, HttpServer))
    async with http_client(f"http://{address}") as client:
        yield client


async def test_a_key_created_by_rpc_works_at_the_public_api_until_it_is_revoked(accounts, http):
    account = (await accounts.EnsureAccount(pb.EnsureAccountRequest(username="ada"))).account
    made = await accounts.CreateApiKey(pb.CreateApiKeyRequest(user_id=account.id, name="laptop"))
    headers = {"authorization": f"Bearer {made.secret}"}
    assert (await http.get("/api/keys", headers=headers)).json()["items"][0]["id"] == made.api_key.id

    await accounts.RevokeApiKey(pb.RevokeApiKeyRequest(user_id=account.id, id=made.api_key.id))

    assert (await http.get("/api/keys", headers=headers)).status_code == 401
    listed = await accounts.ListApiKeys(pb.ListApiKeysRequest(user_id=account.id))
    assert listed.api_keys[0].HasField("revoke_time")


async def test_invalid_rpc_requests_are_refused(accounts):
    with pytest.raises(Invalid):
        await accounts.EnsureAccount(pb.EnsureAccountRequest(username="A!"))
    with pytest.raises(NotFound):
        await accounts.CreateApiKey(pb.CreateApiKeyRequest(user_id="usr_x", name="a"))


async def test_unreachable_services_are_503_with_retry_after(accounts, http):
    account = (await accounts.EnsureAccount(pb.EnsureAccountRequest(username="bob"))).account
    made = await accounts.CreateApiKey(pb.CreateApiKeyRequest(user_id=account.id, name="laptop"))
    headers = {"authorization": f"Bearer {made.secret}"}

    answer = await http.post("/api/generations", json={"prompt": "a"}, headers=headers)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


async def test_its_metrics_are_served_on_their_own_port(service, http):
    port = next(part.port for part in service.parts if isinstance(part, MetricsServer))
    await http.get("/healthz")

    async with http_client() as prometheus:
        text = (await prometheus.get(f"http://127.0.0.1:{port}/metrics")).text

    assert 'http_requests_total{method="GET",route="/healthz",status="200"}' in text
    assert "pixel_gateway_watchers 0.0" in text


async def test_the_relay_of_a_service_without_events_has_no_parts(make_database):
    database, bus = await make_database("gateway"), await make_database("bus")
    settings = replace(Settings(), database_url=database.url, bus_url=bus.url)
    async with build(settings, frozenset({"relay"})) as service:
        assert list(service.parts) == []


async def test_the_service_is_ready_when_its_database_is(http):
    assert (await http.get("/readyz")).json()["checks"]["postgres"] == "ok"
