"""Bad input to a whole studio: a problem with its code, no effect, never a 5xx.

A few of each kind, and what only the services behind the gateway can judge; all of them are sent to the HTTP layer in
`tests/unit/gateway/test_bad_input.py`.
"""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.e2e.person import Person, Studio
from tests.loopback import http_client

GOOD: dict[str, Any] = {"prompt": "a quiet harbour"}
MISSING_ID = "gen_" + "0" * 31 + "1"


def assert_problem(answer: httpx2.Response, status: int | tuple[int, ...], code: str | None = None) -> dict[str, Any]:
    """Check RFC 9457 form, status and code; return the problem."""
    wanted = status if isinstance(status, tuple) else (status,)
    assert answer.status_code in wanted, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["code"]
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    if code is not None:
        assert problem["code"] == code
    return problem


async def effect_of(person: Person) -> tuple[int, int, list[str]]:
    """The state that a submission could change: available and held credits, and the generations."""
    me = (await person.http.get("/api/me")).json()
    page = (await person.http.get("/api/generations", params={"limit": 100})).json()
    return me["credits"]["available"], me["credits"]["held"], [item["id"] for item in page["items"]]


BAD_BODIES: dict[str, tuple[dict[str, Any], int, str]] = {
    "empty prompt": ({"prompt": ""}, 422, "prompt"),
    "unknown field": ({**GOOD, "negativePromt": "x"}, 422, "negativePromt"),
    "10,000 pictures": ({**GOOD, "numberOfImages": 10_000}, 422, "numberOfImages"),
    "aspect ratio 7:0": ({**GOOD, "aspectRatio": "7:0"}, 422, "aspectRatio"),
    "size of 16K": ({**GOOD, "size": "16384x16384"}, 422, "size"),
    "unknown style": ({**GOOD, "style": "no-such-style"}, 422, "style"),
    "unknown parameter": ({**GOOD, "parameters": {"steps": 1_000_000}}, 422, "parameters"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_field_is_named_and_has_no_effect(person: Person, name: str) -> None:
    body, status, field = BAD_BODIES[name]
    before = await effect_of(person)
    problem = assert_problem(await person.http.post("/api/generations", json=body), status)
    assert field in problem["detail"] or any(field in error["pointer"] for error in problem["errors"]), problem
    assert await effect_of(person) == before


async def test_an_unknown_model_is_not_found_and_the_known_ones_are_named(person: Person) -> None:
    before = await effect_of(person)
    answer = await person.http.post("/api/generations", json={**GOOD, "model": "no-such-model"})
    assert_problem(answer, 404, "MODEL_NOT_FOUND")
    assert "studio-sketch" in answer.text
    assert await effect_of(person) == before


RAW_BODIES: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "broken": (b'{"prompt": "a', (400,)),
    "the same key twice": (b'{"prompt": "a", "prompt": "b"}', (400,)),
}


@pytest.mark.parametrize("name", RAW_BODIES)
async def test_a_body_that_is_not_strict_json_is_refused(person: Person, name: str) -> None:
    body, statuses = RAW_BODIES[name]
    before = await effect_of(person)
    answer = await person.http.post("/api/generations", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, statuses)
    assert await effect_of(person) == before


async def test_a_body_of_10_mb_is_too_large(person: Person) -> None:
    body = json.dumps({"prompt": "x" * 10_000_000}).encode()
    answer = await person.http.post("/api/generations", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, 413)


async def test_a_malformed_id_is_not_found(person: Person) -> None:
    for path in ("/api/generations/{}", "/api/generation/{}/status", "/api/generations/{}/events", "/api/sets/{}"):
        assert_problem(await person.http.get(path.format("gen_xyz")), 404)


async def test_another_users_id_is_answered_like_a_missing_one(person: Person, stranger: Person) -> None:
    theirs = await stranger.submit({**GOOD, "private": True})
    await stranger.finished(theirs["id"])
    for path in ("/api/generations/{}", "/api/generation/{}/status", "/api/generations/{}/events"):
        foreign = assert_problem(await person.http.get(path.format(theirs["id"])), 404)
        missing = assert_problem(await person.http.get(path.format(MISSING_ID)), 404)
        assert foreign["code"] == missing["code"]
        assert foreign["title"] == missing["title"]
    assert_problem(await person.http.get(f"/api/sets/{theirs['setId']}"), 404)


async def test_a_forged_cursor_is_refused(person: Person) -> None:
    for path in ("/api/generations", "/api/images/discover"):
        assert_problem(await person.http.get(path, params={"cursor": "AAAA"}), 422, "INVALID_PAGE_TOKEN")


async def test_a_revoked_key_stops_working(person: Person, studio: Studio) -> None:
    made = (await person.http.post("/api/keys", json={"name": "short-lived"})).json()
    key_id = made["key"]["id"]
    headers = {"authorization": f"Bearer {made['secret']}"}
    async with http_client(studio.address, headers=headers) as http:
        assert (await http.get("/api/me")).status_code == 200
        assert (await person.http.delete(f"/api/keys/{key_id}")).status_code in (200, 204)
        assert_problem(await http.get("/api/me"), 401)
        assert_problem(await http.post("/api/generations", json=GOOD), 401)


async def test_a_submission_without_credits_is_refused(pauper: Person) -> None:
    before = await effect_of(pauper)
    problem = assert_problem(await pauper.http.post("/api/generations", json=GOOD), 402, "INSUFFICIENT_CREDITS")
    assert "credit" in problem["detail"].lower()
    assert await effect_of(pauper) == before


async def test_a_key_used_for_another_request_is_refused(person: Person) -> None:
    headers = {"idempotency-key": "harbour-1"}
    first = await person.http.post("/api/generations", json=GOOD, headers=headers)
    again = await person.http.post("/api/generations", json=GOOD, headers=headers)
    other = await person.http.post("/api/generations", json={**GOOD, "numberOfImages": 2}, headers=headers)
    assert first.status_code == again.status_code == 202
    assert first.json()["data"]["id"] == again.json()["data"]["id"]
    assert_problem(other, 422, "IDEMPOTENCY_KEY_REUSED")


async def test_an_altered_media_url_is_forbidden(person: Person, studio: Studio) -> None:
    done = await person.finished((await person.submit(GOOD))["id"])
    url = httpx2.URL(done["resultImages"][0]["url"])
    async with http_client() as http:
        assert (await http.get(url)).status_code == 200
        name = next(name for name in url.params if name.lower().endswith("signature"))
        altered = url.copy_set_param(name, "0" * len(url.params[name]))
        assert (await http.get(altered)).status_code == 403


async def test_the_openai_endpoint_answers_errors_in_openais_format(person: Person) -> None:
    before = await effect_of(person)
    for body, status in (({"prompt": "a", "size": "7x0"}, 400), ({"prompt": "a", "model": "no-such-model"}, 404)):
        answer = await person.http.post("/v1/images/generations", json=body)
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert set(error) >= {"message", "type", "param", "code"}
        assert error["message"]
    assert await effect_of(person) == before


async def test_the_openai_endpoint_reports_key_and_credit_errors_in_openais_format(
    studio: Studio, pauper: Person
) -> None:
    async with http_client(studio.address, headers={"authorization": "Bearer sk-wrong"}) as http:
        wrong = await http.post("/v1/images/generations", json={"prompt": "a"})
    assert wrong.status_code == 401
    assert wrong.json()["error"]["code"] == "invalid_api_key"
    broke = await pauper.http.post("/v1/images/generations", json={"prompt": "a"})
    assert broke.status_code == 402
    assert broke.headers["x-should-retry"] == "false"
    assert broke.json()["error"]["code"] == "insufficient_quota"
