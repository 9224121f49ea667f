"""Responses have the remaining quota, and a client that obeys it is never refused."""

from __future__ import annotations

import re
from typing import Any, cast

import httpx2
import pytest
from litestar.types import ASGIApp
from pixel_cache import InProcessLeakyBuckets
from pixel_errors import Unavailable
from pixel_events import BusHealth
from pixel_gateway.adapters.inbound.http.api.operation.routes import Health
from pixel_gateway.adapters.inbound.http.app import create_app
from pixel_gateway.adapters.inbound.http.security.load_control import LoadControl
from pixel_gateway.adapters.load_metrics import LoadMetrics
from pixel_gateway.application.load.admission import Admission
from pixel_gateway.application.load.rate_limiting import RateLimiter
from pixel_gateway.domain.concurrency_limit import ConcurrencyLimit
from pixel_gateway.domain.rate_limit import LoadClass, Policy, RateLimited, RemainingQuota, policies
from prometheus_client import REGISTRY

from tests.fakes.gateway import Backstage
from tests.fakes.gateway_load import FakeLoadObserver, Seconds

GEN = Policy("gen", 60)


class AwayBuckets:
    """Shared counters that fail."""

    asked = 0

    async def take(self, key, amount_us, *, capacity_us):
        self.asked += 1
        raise Unavailable


def limiter(clock: Seconds, observer: FakeLoadObserver, shared=None, quota: int = 60) -> RateLimiter:
    own = InProcessLeakyBuckets(clock_ns=clock.ns)
    return RateLimiter(
        policies(creates=quota, reads=0, status_reads=0, critical=0),
        shared=shared or own,
        own=own,
        observer=observer,
        monotonic=clock,
    )


async def rejections(subject: RateLimiter, requests: int, caller: str = "usr_1") -> int:
    answers = [await subject.count(LoadClass.CREATE, caller) for _ in range(requests)]
    return sum(rejection is not None for _, rejection in answers)


async def test_the_quota_allows_a_burst_and_refills_at_its_rate():
    clock, observer = Seconds(), FakeLoadObserver()
    subject = limiter(clock, observer)

    assert await rejections(subject, 61) == 1
    clock.now_s += 10
    assert await rejections(subject, 11) == 1
    assert observer.limits == {"gen": 2}


async def test_a_rejection_says_when_the_next_request_is_allowed():
    clock = Seconds()
    subject = limiter(clock, FakeLoadObserver())
    await rejections(subject, 60)
    clock.now_s += 0.4

    standing, rejection = await subject.count(LoadClass.CREATE, "usr_1")

    assert isinstance(rejection, RateLimited)
    assert rejection.retry_after_s == pytest.approx(0.6)
    assert standing is not None
    assert standing.fields() == ('"gen";q=60;w=60', '"gen";r=0;t=1')
    clock.now_s += 0.6
    assert await rejections(subject, 1) == 0


async def test_callers_do_not_use_up_each_others_quota():
    subject = limiter(Seconds(), FakeLoadObserver())
    await rejections(subject, 60, "usr_1")

    assert await rejections(subject, 1, "usr_2") == 0


async def test_a_kind_without_a_policy_is_never_refused():
    subject = limiter(Seconds(), FakeLoadObserver())

    assert [await subject.count(LoadClass.READ, "usr_1") for _ in range(1000)] == [(None, None)] * 1000


async def test_without_the_shared_counters_this_process_counts_alone_and_stops_calling_them():
    clock, observer, away = Seconds(), FakeLoadObserver(), AwayBuckets()
    subject = limiter(clock, observer, shared=away)

    assert await rejections(subject, 61) == 1
    assert (away.asked, observer.alone) == (1, 61)
    clock.now_s += 6
    await rejections(subject, 1)
    assert away.asked == 2


@pytest.mark.parametrize("quota", [1, 7, 60, 600, 100_000])
def test_a_quota_that_does_not_divide_the_window_is_granted_in_full(quota):
    policy = Policy("gen", quota)

    assert RemainingQuota.at(policy, 0).remaining == quota
    assert RemainingQuota.at(policy, quota * policy.request_us).remaining == 0


@pytest.mark.parametrize("quota", [60, 600])
async def test_a_client_that_obeys_the_fields_is_not_refused_and_loses_nothing(quota):
    """N23: no rejection in minute two, throughput within 5 % of what the quota allows."""
    clock = Seconds()
    subject = limiter(clock, FakeLoadObserver(), quota=quota)
    began, sent, refused = clock.now_s, [0, 0], [0, 0]
    while clock.now_s < began + 120:
        minute = int((clock.now_s - began) // 60)
        standing, rejection = await subject.count(LoadClass.CREATE, "usr_1")
        assert standing is not None
        sent[minute] += rejection is None
        refused[minute] += rejection is not None
        remaining, wait_s = map(int, re.findall(r"[rt]=(\d+)", standing.fields()[1]))
        clock.now_s += 0.001 if remaining else wait_s

    assert refused == [0, 0]
    assert sent[1] == pytest.approx(quota, rel=0.05)


def app_of(backstage: Backstage, **settings: int) -> ASGIApp:
    async def ready() -> dict[str, str]:
        return {"postgres": "ok"}

    async def bus() -> BusHealth:
        return BusHealth(reachable=True, brokers=(), present=())

    metrics, own = LoadMetrics(), InProcessLeakyBuckets()
    quotas = {"creates": 3, "reads": 5, "status_reads": 7, "critical": 1000} | settings
    load = LoadControl(
        Admission(ConcurrencyLimit(least=1, most=1, value=1), metrics),
        RateLimiter(policies(**quotas), shared=own, own=own, observer=metrics),
    )
    return create_app(backstage.app, Health(ready=ready, bus=bus), image_wait_s=0.05, load=load)


@pytest.fixture
async def limited(backstage: Backstage, secret: str):
    transport = httpx2.ASGITransport(cast("Any", app_of(backstage)), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://studio.test", headers=headers) as client:
        yield client


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_every_response_has_the_policy_and_the_remaining_quota(limited):
    answer = await limited.get("/api/models")

    assert answer.headers["ratelimit-policy"] == '"read";q=5;w=60'
    assert answer.headers["ratelimit"] == '"read";r=4;t=12'


async def test_too_many_submissions_are_refused_while_billing_and_health_are_served(limited):
    before = metric("pixel_rate_limited_total", policy="gen")
    answers = [await limited.post("/api/generations", json={"prompt": "a tree"}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    refused = answers[-1]
    assert refused.json()["code"] == "RATE_LIMITED"
    assert refused.json()["retryable"] is True
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["ratelimit"] == f'"gen";r=0;t={refused.headers["retry-after"]}'
    assert metric("pixel_rate_limited_total", policy="gen") == before + 1
    assert (await limited.delete("/api/keys/key_0")).status_code == 404
    assert [(await limited.get("/healthz")).status_code for _ in range(10)] == [200] * 10


async def test_endpoints_for_openai_clients_have_openais_fields_too(limited):
    answer = await limited.get("/v1/models")

    assert answer.headers["x-ratelimit-limit-requests"] == "5"
    assert answer.headers["x-ratelimit-remaining-requests"] == "4"
    assert answer.headers["x-ratelimit-reset-requests"] == "12s"
    for _ in range(5):
        answer = await limited.get("/v1/models")
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert answer.headers["x-ratelimit-reset-requests"] == "1m0s"
    assert "ratelimit" in answer.headers


async def test_anonymous_requests_are_counted_by_ip_address_or_ipv6_network(backstage):
    app = app_of(backstage)
    standings = []
    for address in ("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
        transport = httpx2.ASGITransport(cast("Any", app), client=(address, 1234))
        async with httpx2.AsyncClient(transport=transport, base_url="http://studio.test") as client:
            standings.append((await client.get("/api/images/discover")).headers["ratelimit"])

    assert standings == [f'"read";r={left};t=12' for left in (4, 4, 4, 3, 4)]
