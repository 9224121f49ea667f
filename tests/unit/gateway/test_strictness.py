"""Rejections with their path, and the set of paths."""

from __future__ import annotations

import pytest

GETS = ["/healthz", "/readyz", "/docs", "/openapi.json", "/api/generations", "/api/me", "/api/models"]


@pytest.mark.parametrize("name", ["model", "aspectRatio", "size", "style", "quality"])
async def test_an_empty_value_is_refused(client, backstage, name):
    answer = await client.post("/api/generations", json={"prompt": "a", name: ""})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}")
    assert backstage.generations.submissions == []


@pytest.mark.parametrize("name", ["model", "size", "style", "quality"])
async def test_an_empty_value_is_refused_in_openais_format(client, backstage, name):
    answer = await client.post("/v1/images/generations", json={"prompt": "a", name: ""})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)
    assert backstage.generations.submissions == []


@pytest.mark.parametrize("prompt", ["\u200b", " \u3000\u2060", "\x01\x02", "\ufeff\u00ad"])
@pytest.mark.parametrize(("path", "status"), [("/api/generations", 422), ("/v1/images/generations", 400)])
async def test_an_invisible_prompt_is_refused(client, backstage, path, status, prompt):
    assert (await client.post(path, json={"prompt": prompt})).status_code == status
    assert backstage.generations.submissions == []


@pytest.mark.parametrize(
    ("name", "pointer"),
    [("number_of_images", "/number_of_images"), ("zzz_foo", "/zzz_foo"), ("a/b~c", "/a~1b~0c"), ("a.b[0]", "/a.b[0]")],
)
async def test_a_pointer_has_the_senders_own_name(client, name, pointer):
    answer = await client.post("/api/generations", json={"prompt": "a", name: 1})

    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_nested_path_is_a_json_pointer(client):
    content = rb'{"prompt": "a", "parameters": {"x/y.z": ["b", "\ud800"]}}'
    answer = await client.post("/api/generations", content=content, headers={"content-type": "application/json"})

    assert answer.json()["errors"][0]["pointer"] == "/parameters/x~1y.z/1"


@pytest.mark.parametrize("path", GETS)
async def test_head_responds_as_get_without_a_body(client, path):
    got, head = await client.get(path), await client.head(path)

    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_head_of_a_stream_ends_at_once(client):
    generation_id = (await client.post("/api/generations", json={"prompt": "a"})).json()["data"]["id"]
    head = await client.head(f"/api/generations/{generation_id}/events")

    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream")


async def test_the_root_redirects_to_the_docs(client):
    answer = await client.get("/")

    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")


@pytest.mark.parametrize("path", ["/api/me/", "//api/me", "/api//me", "/docs/", "/healthz/"])
async def test_a_resource_has_no_second_path(client, path):
    answer = await client.get(f"http://studio.test{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("path", ["/api/generations", "/api/images/discover"])
@pytest.mark.parametrize("cursor", ["", "a" * 513])
async def test_a_malformed_cursor_is_refused_with_one_code(client, path, cursor):
    answer = await client.get(path, params={"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_PAGE_TOKEN")
