"""Bad input to the whole HTTP application: a problem with its code, no effect, never a 5xx.

The services behind it are fakes; `tests/e2e/test_bad_input.py` sends a few of these to a whole studio.
"""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from pixel_errors import Invalid, NotFound, PixelError, Violation
from pixel_gateway.domain.generation import Status

GOOD: dict[str, Any] = {"prompt": "a quiet harbour"}
MISSING_ID = "gen_" + "0" * 31 + "1"
JSON = {"content-type": "application/json"}


class InsufficientCredits(PixelError):
    kind = "failed_precondition"
    reason = "INSUFFICIENT_CREDITS"


class KeyReused(Invalid):
    reason = "IDEMPOTENCY_KEY_REUSED"


def assert_problem(answer: httpx2.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """Check RFC 9457 form, status and code; return the problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"]
    assert problem["code"]
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    if code is not None:
        assert problem["code"] == code
    return problem


BAD_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "empty prompt": ({"prompt": ""}, "prompt"),
    "only spaces": ({"prompt": " \n\t "}, "prompt"),
    "no prompt": ({}, "prompt"),
    "prompt of 4,001 characters": ({"prompt": "x" * 4001}, "prompt"),
    "prompt of 16 KB of emoji": ({"prompt": "👨‍👩‍👧‍👦" * 700}, "prompt"),
    "prompt is a number": ({"prompt": 7}, "prompt"),
    "prompt is null": ({"prompt": None}, "prompt"),
    "prompt is a list": ({"prompt": ["a", "b"]}, "prompt"),
    "unknown field": ({**GOOD, "negativePromt": "x"}, "negativePromt"),
    "prototype field": ({**GOOD, "__proto__": {"admin": True}}, "__proto__"),
    "no pictures": ({**GOOD, "numberOfImages": 0}, "numberOfImages"),
    "10,000 pictures": ({**GOOD, "numberOfImages": 10_000}, "numberOfImages"),
    "minus one picture": ({**GOOD, "numberOfImages": -1}, "numberOfImages"),
    "half a picture": ({**GOOD, "numberOfImages": 1.5}, "numberOfImages"),
    "1.0 picture": ({**GOOD, "numberOfImages": 1.0}, "numberOfImages"),
    "true pictures": ({**GOOD, "numberOfImages": True}, "numberOfImages"),
    "a text of pictures": ({**GOOD, "numberOfImages": "1"}, "numberOfImages"),
    "aspect ratio as number": ({**GOOD, "aspectRatio": 1.77}, "aspectRatio"),
    "seed of 2^64": ({**GOOD, "seed": 2**64}, "seed"),
    "negative seed": ({**GOOD, "seed": -1}, "seed"),
    "private as text": ({**GOOD, "private": "yes"}, "private"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
async def test_a_bad_field_is_named_and_has_no_effect(client, backstage, name):
    body, field = BAD_FIELDS[name]

    problem = assert_problem(await client.post("/api/generations", json=body), 422)

    assert any(error["pointer"].startswith(f"/{field}") and error["message"] for error in problem["errors"]), problem
    assert backstage.generations.submissions == []


RAW_BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "broken": (b'{"prompt": "a', 400),
    "not JSON": (b"prompt=a", 400),
    "a list": (b"[]", 422),
    "a text": (b'"prompt"', 422),
    "null": (b"null", 422),
    "the same key twice": (b'{"prompt": "a", "prompt": "b"}', 400),
    "a huge number": (b'{"prompt": "a", "numberOfImages": ' + b"9" * 5000 + b"}", 422),
    "deep nesting": (b'{"prompt": "a", "parameters": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "a lone surrogate": (b'{"prompt": "\\ud800"}', 422),
    "bytes that are no text": (b'{"prompt": "\xff\xfe"}', 400),
    "UTF-16": ('{"prompt": "a"}'.encode("utf-16"), 400),
    "NaN": (b'{"prompt": "a", "numberOfImages": NaN}', 400),
}


@pytest.mark.parametrize("name", RAW_BODIES)
async def test_a_body_that_is_not_strict_json_is_refused(client, backstage, name):
    body, status = RAW_BODIES[name]

    assert_problem(await client.post("/api/generations", content=body, headers=JSON), status)

    assert backstage.generations.submissions == []


async def test_a_body_of_10_mb_is_too_large(client, backstage):
    body = json.dumps({"prompt": "x" * 10_000_000}).encode()

    assert_problem(await client.post("/api/generations", content=body, headers=JSON), 413)

    assert backstage.generations.submissions == []


async def test_a_form_is_not_json(client, backstage):
    assert_problem(await client.post("/api/generations", data={"prompt": "a"}), 415)

    assert backstage.generations.submissions == []


@pytest.mark.parametrize(
    "path", ["/api/generations/{}", "/api/generation/{}/status", "/api/generations/{}/events", "/api/sets/{}"]
)
@pytest.mark.parametrize(
    "id_", ["1", "0", "-1", "gen_", "gen_xyz", "GEN_" + "0" * 32, "{}", "%00", "a" * 2000, "gen_" + "g" * 32]
)
async def test_a_malformed_id_is_not_found(client, path, id_):
    assert_problem(await client.get(path.format(id_)), 400 if "%00" in id_ else 404)


async def test_another_users_id_is_answered_like_a_missing_one(client, backstage, other_secret):
    theirs = {"authorization": f"Bearer {other_secret}"}
    submitted = await client.post("/api/generations", json={**GOOD, "private": True}, headers=theirs)
    data = submitted.json()["data"]
    backstage.finish(data["id"])

    for path in ("/api/generations/{}", "/api/generation/{}/status", "/api/generations/{}/events"):
        foreign = assert_problem(await client.get(path.format(data["id"])), 404)
        missing = assert_problem(await client.get(path.format(MISSING_ID)), 404)
        assert (foreign["code"], foreign["title"]) == (missing["code"], missing["title"])
    assert_problem(await client.get(f"/api/sets/{data['setId']}"), 404)


@pytest.mark.parametrize("path", ["/api/generations", "/api/images/discover"])
@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000000000", "ten", ""])
async def test_a_page_size_out_of_range_is_refused(client, path, limit):
    problem = assert_problem(await client.get(path, params={"limit": limit}), 422)

    assert problem["errors"][0]["pointer"].endswith("limit")


@pytest.mark.parametrize("path", ["/api/generations", "/api/images/discover"])
async def test_a_too_long_cursor_is_refused(client, path):
    assert_problem(await client.get(path, params={"cursor": "a" * 5000}), 422, "INVALID_PAGE_TOKEN")


@pytest.mark.parametrize("key", ["pxl_wrong", "pxl_" + "A" * 43, "x" * 5000, "sk-proj-abc"])
async def test_a_wrong_key_is_unauthenticated_and_not_echoed(anonymous, backstage, key):
    answer = await anonymous.post("/api/generations", json=GOOD, headers={"authorization": f"Bearer {key}"})

    problem = assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert key[:20] not in problem["detail"]
    assert backstage.generations.submissions == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/generations"), ("GET", "/api/me"), ("GET", f"/api/generations/{MISSING_ID}")],
)
async def test_a_missing_key_is_unauthenticated(anonymous, method, path):
    answer = await anonymous.request(method, path, json=GOOD if method == "POST" else None)

    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_key_stops_working(client, anonymous, backstage):
    made = (await client.post("/api/keys", json={"name": "short-lived"})).json()
    headers = {"authorization": f"Bearer {made['secret']}"}
    assert (await anonymous.get("/api/me", headers=headers)).status_code == 200

    assert (await client.delete(f"/api/keys/{made['key']['id']}")).status_code in (200, 204)

    assert_problem(await anonymous.get("/api/me", headers=headers), 401)
    assert_problem(await anonymous.post("/api/generations", json=GOOD, headers=headers), 401)
    assert backstage.generations.submissions == []


def refused_field(field: str) -> Invalid:
    return Invalid("It is not offered.", reason="INVALID_FIELD", violations=(Violation(field, "is not offered"),))


REFUSED_BY_GENERATION: dict[str, tuple[dict[str, Any], str]] = {
    "aspect ratio 7:0": ({**GOOD, "aspectRatio": "7:0"}, "aspect_ratio"),
    "aspect ratio of words": ({**GOOD, "aspectRatio": "wide"}, "aspect_ratio"),
    "size of 16K": ({**GOOD, "size": "16384x16384"}, "size"),
    "unknown style": ({**GOOD, "style": "no-such-style"}, "style"),
    "unknown parameter": ({**GOOD, "parameters": {"steps": 1_000_000}}, "parameters"),
}


@pytest.mark.parametrize("name", REFUSED_BY_GENERATION)
async def test_a_field_that_the_generation_service_refuses_is_named_as_it_was_sent(client, backstage, name):
    body, field = REFUSED_BY_GENERATION[name]
    backstage.generations.rejection = refused_field(field)

    problem = assert_problem(await client.post("/api/generations", json=body), 422, "INVALID_FIELD")

    sent = next(key for key in body if key != "prompt")
    assert problem["errors"] == [{"pointer": f"/{sent}", "message": "is not offered"}]


async def test_a_field_of_openais_that_the_generation_service_refuses_is_named(client, backstage):
    backstage.generations.rejection = refused_field("size")

    answer = await client.post("/v1/images/generations", json={"prompt": "a", "size": "7x0"})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "size"


REJECTIONS: dict[str, tuple[PixelError, int, str]] = {
    "no such model": (NotFound("Known are: studio-sketch.", reason="MODEL_NOT_FOUND"), 404, "MODEL_NOT_FOUND"),
    "no credits": (
        InsufficientCredits("The picture costs 2 credits and 0 are available."),
        402,
        "INSUFFICIENT_CREDITS",
    ),
    "key of another request": (KeyReused("The key was used for another request."), 422, "IDEMPOTENCY_KEY_REUSED"),
}


@pytest.mark.parametrize("name", REJECTIONS)
async def test_a_rejection_of_the_generation_service_keeps_its_code_and_text(client, backstage, name):
    backstage.generations.rejection, status, code = REJECTIONS[name]

    problem = assert_problem(await client.post("/api/generations", json=GOOD), status, code)

    assert problem["detail"] == str(backstage.generations.rejection)
    assert backstage.generations.submissions == []


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(client):
    assert_problem(await client.get("/api/no-such-door"), 404)
    wrong = await client.put("/api/generations", json=GOOD)
    assert_problem(wrong, 405)
    assert "POST" in wrong.headers["allow"]


async def test_an_altered_media_url_is_forbidden(client, backstage):
    data = (await client.post("/api/generations", json=GOOD)).json()["data"]
    backstage.finish(data["id"])
    shown = (await client.get(f"/api/generations/{data['id']}")).json()
    assert shown["status"] == Status.COMPLETED
    url = httpx2.URL(shown["resultImages"][0]["url"])
    name = next(name for name in url.params if name.lower().endswith("signature"))

    assert (await client.get(str(url))).status_code == 200
    assert_problem(await client.get(str(url.copy_set_param(name, "0" * len(url.params[name])))), 403)


OPENAI_BAD: dict[str, dict[str, Any]] = {
    "empty prompt": {"prompt": ""},
    "no prompt": {},
    "n is 0": {"prompt": "a", "n": 0},
    "n is 10,000": {"prompt": "a", "n": 10_000},
    "n is a text": {"prompt": "a", "n": "two"},
    "unknown response format": {"prompt": "a", "response_format": "gif"},
}


@pytest.mark.parametrize("name", OPENAI_BAD)
async def test_openais_endpoint_refuses_in_openais_format(client, backstage, name):
    answer = await client.post("/v1/images/generations", json=OPENAI_BAD[name])

    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert set(error) >= {"message", "type", "param", "code"}
    assert error["message"]
    assert backstage.generations.submissions == []


async def test_openais_endpoint_reports_wrong_keys_in_openais_format(anonymous):
    headers = {"authorization": "Bearer sk-wrong"}

    wrong = await anonymous.post("/v1/images/generations", json={"prompt": "a"}, headers=headers)

    assert wrong.status_code == 401
    assert wrong.json()["error"]["code"] == "invalid_api_key"


async def test_openais_endpoint_reports_missing_credits_in_openais_format(client, backstage):
    backstage.generations.rejection = InsufficientCredits("The picture costs 2 credits and 0 are available.")

    broke = await client.post("/v1/images/generations", json={"prompt": "a"})

    assert broke.status_code == 402
    assert broke.headers["x-should-retry"] == "false"
    assert broke.json()["error"]["code"] == "insufficient_quota"
