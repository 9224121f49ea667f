"""A full process refuses new work at once, and serves important requests."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import httpx2
import litestar
import pytest
from pixel_gateway.adapters.inbound.http.app import create_app
from pixel_gateway.adapters.inbound.http.routes import ROUTES
from pixel_gateway.adapters.inbound.http.routing.endpoint import get
from pixel_gateway.adapters.inbound.http.security.load_control import LoadControl
from pixel_gateway.adapters.load_metrics import LoadMetrics
from pixel_gateway.application.load.admission import Admission
from pixel_gateway.domain.concurrency_limit import ConcurrencyLimit
from pixel_gateway.domain.rate_limit import LoadClass
from prometheus_client import REGISTRY

from tests.fakes.gateway_app import health
from tests.fakes.gateway_endpoints import ENDPOINTS


@pytest.fixture
def admission() -> Admission:
    return Admission(ConcurrencyLimit(least=1, most=1, value=1), LoadMetrics())


@pytest.fixture
async def client(backstage, secret, admission):
    app = create_app(backstage.app, health(), image_wait_s=30, load=LoadControl(admission))
    transport = httpx2.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://studio.test", headers=headers) as opened:
        yield opened


def shed(load_class: LoadClass) -> float:
    return REGISTRY.get_sample_value("pixel_admission_shed_total", {"class": str(load_class)}) or 0.0


def in_flight() -> float:
    return REGISTRY.get_sample_value("pixel_admission_inflight") or 0.0


async def test_a_full_process_refuses_new_work_within_50_ms_and_answers_status_and_billing(client, admission):
    generation = (await client.post("/api/generations", json={"prompt": "a tree"})).json()
    before = shed(LoadClass.CREATE)
    with admission.admit(LoadClass.READ, "/api/models"):
        began = time.perf_counter()
        refused = await client.post("/api/generations", json={"prompt": "a tree"})
        took_s = time.perf_counter() - began
        status = await client.get(f"/api/generations/{generation['data']['id']}")
        money = await client.delete("/api/keys/key_0")
        health = await client.get("/healthz")
        assert in_flight() == 1

    assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
    assert int(refused.headers["retry-after"]) >= 1
    assert took_s < 0.05
    assert shed(LoadClass.CREATE) == before + 1
    assert [status.status_code, money.status_code, health.status_code] == [200, 404, 200]
    assert (await client.post("/api/generations", json={"prompt": "a tree"})).status_code == 202


async def test_an_openai_client_gets_retry_after(client, admission):
    with admission.admit(LoadClass.READ, "/api/models"):
        refused = await client.post("/v1/images/generations", json={"prompt": "a tree"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert "retry-after" in refused.headers
    assert "x-should-retry" not in refused.headers


async def test_a_request_that_waits_for_its_pictures_holds_no_slot(client, backstage, wait_until):
    waiting = asyncio.create_task(client.post("/v1/images/generations", json={"prompt": "a tree"}))
    try:
        await wait_until(lambda: backstage.generations.submissions)
        await wait_until(lambda: in_flight() == 0)

        assert (await client.post("/api/generations", json={"prompt": "a tree"})).status_code == 202
        assert not waiting.done()
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize(
    ("name", "load_class"),
    [
        ("POST /api/generations", LoadClass.CREATE),
        ("POST /v1/images/generations", LoadClass.CREATE),
        ("POST /api/generations/{id:str}/retry", LoadClass.CREATE),
        ("POST /api/generations/{id:str}/cancel", LoadClass.CRITICAL),
        ("POST /api/generations/cancel", LoadClass.CRITICAL),
        ("DELETE /api/generations/{id:str}", LoadClass.CRITICAL),
        ("GET /api/generations/{id:str}/receipt", LoadClass.CRITICAL),
        ("GET /api/credits", LoadClass.CRITICAL),
        ("GET /api/credits/transactions", LoadClass.CRITICAL),
        ("POST /api/admin/queues/{queue:str}/drain", LoadClass.CRITICAL),
        ("POST /api/queue/process", LoadClass.CRITICAL),
        ("GET /api/generations/{id:str}", LoadClass.STATUS),
        ("GET /api/generations/{id:str}/events", LoadClass.STATUS),
        ("GET /api/generation/{id:str}/status", LoadClass.STATUS),
        ("GET /api/queue/status", LoadClass.STATUS),
        ("GET /api/events", LoadClass.STATUS),
        ("GET /api/generations", LoadClass.READ),
        ("GET /v1/models", LoadClass.READ),
        ("POST /api/keys", LoadClass.READ),
        ("GET /healthz", LoadClass.UNLIMITED),
        ("GET /readyz", LoadClass.UNLIMITED),
    ],
)
def test_an_endpoint_has_the_load_class_of_what_it_does(name, load_class):
    assert ENDPOINTS[name].load_class == load_class


async def _answer() -> None:
    raise AssertionError


def test_an_endpoint_without_a_load_class_cannot_be_declared():
    with pytest.raises(TypeError, match="load_class"):
        get("/api/forgotten", summary="Forgotten", answer="Nothing.")(_answer)  # type: ignore[call-arg]


def test_an_application_with_a_handler_that_has_no_load_class_does_not_start(backstage):
    with pytest.raises(TypeError, match="/api/forgotten has no load class"):
        create_app(backstage.app, health(), routes=[*ROUTES, litestar.get("/api/forgotten")(_answer)])
