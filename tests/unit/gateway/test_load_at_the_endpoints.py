"""A full process turns new work away at once, and answers what matters."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import httpx2
import pytest
from pixel_events import BusHealth
from pixel_gateway.adapters.inbound.http.app import create_app
from pixel_gateway.adapters.inbound.http.doors import Door
from pixel_gateway.adapters.inbound.http.health import Health
from pixel_gateway.adapters.inbound.http.traffic import LoadControl, traffic_of
from pixel_gateway.adapters.load_metrics import LoadMetrics
from pixel_gateway.application.load.admission import Admission
from pixel_gateway.domain.concurrency_limit import ConcurrencyLimit
from pixel_gateway.domain.rate_limit import Traffic
from prometheus_client import REGISTRY


@pytest.fixture
def admission() -> Admission:
    return Admission(ConcurrencyLimit(least=1, most=1, value=1), LoadMetrics())


@pytest.fixture
async def client(backstage, secret, admission):
    async def ready() -> dict[str, str]:
        return {"postgres": "ok"}

    async def bus() -> BusHealth:
        return BusHealth(reachable=True, brokers=(), present=())

    app = create_app(backstage.app, Health(ready=ready, bus=bus), image_wait_s=30, load=LoadControl(admission))
    transport = httpx2.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://studio.test", headers=headers) as opened:
        yield opened


def shed(traffic: Traffic) -> float:
    return REGISTRY.get_sample_value("pixel_admission_shed_total", {"class": str(traffic)}) or 0.0


def in_flight() -> float:
    return REGISTRY.get_sample_value("pixel_admission_inflight") or 0.0


async def test_a_full_process_refuses_new_work_within_50_ms_and_answers_status_and_money(client, admission):
    generation = (await client.post("/api/generations", json={"prompt": "a tree"})).json()
    before = shed(Traffic.CREATE)
    with admission.admit(Traffic.READ, "/api/models"):
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
    assert shed(Traffic.CREATE) == before + 1
    assert [status.status_code, money.status_code, health.status_code] == [200, 404, 200]
    assert (await client.post("/api/generations", json={"prompt": "a tree"})).status_code == 202


async def test_an_openai_client_is_told_to_try_again(client, admission):
    with admission.admit(Traffic.READ, "/api/models"):
        refused = await client.post("/v1/images/generations", json={"prompt": "a tree"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert "retry-after" in refused.headers
    assert "x-should-retry" not in refused.headers


async def test_a_request_that_waits_for_its_pictures_holds_no_place(client, backstage, wait_until):
    waiting = asyncio.create_task(client.post("/v1/images/generations", json={"prompt": "a tree"}))
    try:
        await wait_until(lambda: backstage.generations.submissions)
        await wait_until(lambda: in_flight() == 0)

        assert (await client.post("/api/generations", json={"prompt": "a tree"})).status_code == 202
        assert not waiting.done()
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _unused(call):
    raise AssertionError


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/api/generations", Traffic.CREATE),
        ("POST", "/v1/images/generations", Traffic.CREATE),
        ("POST", "/api/generations/{id:str}/retry", Traffic.CREATE),
        ("POST", "/api/generations/{id:str}/cancel", Traffic.CRITICAL),
        ("POST", "/api/generations/cancel", Traffic.CRITICAL),
        ("DELETE", "/api/generations/{id:str}", Traffic.CRITICAL),
        ("GET", "/api/generations/{id:str}/receipt", Traffic.CRITICAL),
        ("GET", "/api/credits", Traffic.CRITICAL),
        ("GET", "/api/credits/transactions", Traffic.CRITICAL),
        ("POST", "/api/admin/queues/{queue:str}/drain", Traffic.CRITICAL),
        ("POST", "/api/queue/process", Traffic.CRITICAL),
        ("GET", "/api/generations/{id:str}", Traffic.STATUS),
        ("GET", "/api/generations/{id:str}/events", Traffic.STATUS),
        ("GET", "/api/generation/{id:str}/status", Traffic.STATUS),
        ("GET", "/api/queue/status", Traffic.STATUS),
        ("GET", "/api/events", Traffic.STATUS),
        ("GET", "/api/generations", Traffic.READ),
        ("GET", "/v1/models", Traffic.READ),
        ("POST", "/api/keys", Traffic.READ),
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
    ],
)
def test_each_door_takes_its_kind_of_traffic(method, path, kind):
    assert traffic_of(Door(method, path, _unused, "", {})) is kind
