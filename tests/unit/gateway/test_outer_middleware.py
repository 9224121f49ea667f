from __future__ import annotations

import json
import re

import pytest
from prometheus_client import REGISTRY


async def test_an_unknown_path_is_a_problem(client):
    answer = await client.get("/api/nothing")

    assert answer.status_code == 404
    assert answer.json()["code"] == "ROUTE_NOT_FOUND"


async def test_a_wrong_method_is_a_problem_that_lists_the_supported_ones(client):
    answer = await client.put("/api/generations", json={})

    assert answer.status_code == 405
    assert answer.json()["code"] == "METHOD_NOT_ALLOWED"
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/generations", "GET, HEAD, OPTIONS, POST"),
        ("/api/generations/gen_0", "DELETE, GET, HEAD, OPTIONS"),
        ("/api/generations/cancel", "OPTIONS, POST"),
        ("/api/events", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_and_a_wrong_method_list_the_methods_of_the_path(anonymous, path, allowed):
    asked, refused = await anonymous.options(path), await anonymous.request("TRACE", path)

    assert (asked.status_code, asked.headers["allow"]) == (204, allowed)
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)


async def test_a_request_keeps_its_id(client):
    answer = await client.get("/api/me", headers={"x-request-id": "order-7"})

    assert answer.headers["x-request-id"] == "order-7"


@pytest.mark.parametrize("request_id", ["a b", "x" * 129, "<script>"])
async def test_an_unsafe_request_id_is_replaced(client, request_id):
    answer = await client.get("/api/me", headers={"x-request-id": request_id})

    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_the_trace_of_the_caller_is_continued(client):
    trace_id = "0af7651916cd43dd8448eb211c80319c"

    answer = await client.get("/healthz", headers={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})

    assert trace_id in answer.headers["traceparent"]


@pytest.mark.parametrize("headers", [{f"x-{n}": "1" for n in range(1000)}, {"x-large": "x" * 40_000}])
async def test_too_large_a_head_is_refused(client, headers):
    answer = await client.get("/healthz", headers=headers)

    assert answer.status_code == 431


@pytest.mark.parametrize("host", ["a b", "evil/../x", "a@b", "x:999999"])
async def test_a_malformed_host_is_refused(client, host):
    assert (await client.get("/healthz", headers={"host": host})).status_code == 400


async def test_a_path_that_is_not_utf8_is_refused(client):
    assert (await client.get("/api/sets/%ff%fe")).status_code == 400


async def test_every_response_forbids_sniffing_and_framing(client):
    headers = (await client.get("/api/me")).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


async def test_the_text_of_an_unexpected_error_is_withheld(client, backstage):
    backstage.generations.rejection = RuntimeError("password=hunter2")

    answer = await client.post("/api/generations", json={"prompt": "a"})

    assert answer.status_code == 500
    assert answer.json()["code"] == "INTERNAL"
    assert "hunter2" not in answer.text


async def test_requests_are_counted_by_route_and_not_by_id(client):
    labels = {"route": "/api/sets/{id}", "method": "GET", "status": "404"}
    before = REGISTRY.get_sample_value("http_requests_total", labels) or 0

    await client.get("/api/sets/set_0")

    assert REGISTRY.get_sample_value("http_requests_total", labels) == before + 1


async def test_readiness_lists_each_check(client, checks):
    checks["bus"] = "connection refused"

    answer = await client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"] == {"postgres": "ok", "bus": "connection refused"}
    assert (await client.get("/healthz")).status_code == 200


async def test_the_health_of_the_bus_has_an_endpoint(client):
    body = (await client.get("/api/kafka/health")).json()

    assert body["status"] == "healthy"
    assert body["topics"] == ["image.generation.status"]


async def test_metrics_are_not_on_the_public_port(client):
    assert (await client.get("/metrics")).status_code == 404


async def test_the_document_describes_every_endpoint(client):
    document = (await client.get("/openapi.json")).json()

    paths = document["paths"]
    assert document["openapi"].startswith("3.1")
    assert {
        "/api/generations",
        "/api/generations/{id}",
        "/api/generations/{id}/events",
        "/api/generation/{id}/status",
        "/api/sets/{id}",
        "/api/images/discover",
        "/api/me",
        "/api/keys",
        "/api/keys/{id}",
        "/api/models",
        "/v1/images/generations",
        "/v1/models",
        "/media/objects/{key}",
        "/healthz",
        "/readyz",
        "/api/kafka/health",
    } <= paths.keys()
    references = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)))
    assert references <= document["components"]["schemas"].keys()
    for operations in paths.values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["responses"]


async def test_the_docs_page_loads_nothing_from_other_hosts(client):
    page = await client.get("/docs")
    script = await client.get("/docs/swagger-ui-bundle.js")

    assert "http" not in re.sub(r'lang="en"', "", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert len(script.content) > 100_000
    assert (await client.get("/docs/index.html")).status_code == 404
