"""Bad input gets a clear error, has no effect, and never a 5xx."""

from __future__ import annotations

import json

import pytest
from pixel_gateway.adapters.inbound.http.app import MAX_BODY_BYTES

JSON = {"content-type": "application/json"}
DEEP = b'{"prompt":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

CASES = {
    "empty": (b"", 400),
    "spaces": (b"  ", 400),
    "broken": (b'{"prompt": "a', 400),
    "deep": (DEEP, 400),
    "deep unclosed": (b"[" * 100_000, 400),
    "deep in a string is not deep": (json.dumps({"prompt": "[" * 100}).encode(), 202),
    "twice": (b'{"prompt": "a", "prompt": "b"}', 400),
    "nan": (b'{"prompt": "a", "seed": NaN}', 400),
    "long number": (b'{"prompt": "a", "seed": ' + b"9" * 5000 + b"}", 422),
    "seed of 2^64": (b'{"prompt": "a", "seed": 18446744073709551616}', 422),
    "infinite number": (b'{"prompt": "a", "parameters": {"x": 1e999}}', 422),
    "text for a number": (b'{"prompt": "a", "numberOfImages": "1"}', 422),
    "true for a number": (b'{"prompt": "a", "numberOfImages": true}', 422),
    "1.0 for a number": (b'{"prompt": "a", "numberOfImages": 1.0}', 422),
    "null for a number": (b'{"prompt": "a", "numberOfImages": null}', 422),
    "no pictures": (b'{"prompt": "a", "numberOfImages": 0}', 422),
    "too many pictures": (b'{"prompt": "a", "numberOfImages": 10000}', 422),
    "unknown field": (b'{"prompt": "a", "colour": "red"}', 422),
    "reserved name": (b'{"prompt": "a", "__proto__": {}}', 422),
    "reserved name inside": (b'{"prompt": "a", "parameters": {"constructor": 1}}', 422),
    "list": (b"[]", 422),
    "text": (b'"a"', 422),
    "no prompt": (b"{}", 422),
    "prompt is a number": (b'{"prompt": 7}', 422),
    "empty prompt": (b'{"prompt": ""}', 422),
    "prompt of spaces": (b'{"prompt": " \\n\\t "}', 422),
    "prompt of 4001": (json.dumps({"prompt": "x" * 4001}).encode(), 422),
    "prompt of 16 KB of emoji": (json.dumps({"prompt": "🌊" * 4096}, ensure_ascii=False).encode(), 422),
    "prompt of 4000 emoji": (json.dumps({"prompt": "🌊" * 4000}, ensure_ascii=False).encode(), 202),
    "lone surrogate": (b'{"prompt": "a\\ud800"}', 422),
    "lone surrogate in a name": (b'{"prompt": "a", "parameters": {"\\udfff": 1}}', 422),
    "a pair of surrogates is a character": (b'{"prompt": "\\ud83c\\udf0a"}', 202),
    "nul": (b'{"prompt": "a\\u0000b"}', 422),
    "byte order mark": (b'\xef\xbb\xbf{"prompt": "a"}', 400),
    "utf-16": ('{"prompt": "a"}'.encode("utf-16"), 400),
    "not utf-8": (b'{"prompt": "\xff"}', 400),
    "too large": (b'{"prompt": "' + b"x" * 10_000_000 + b'"}', 413),
    "reference images": (b'{"prompt": "a", "productImages": ["ast_1"]}', 422),
    "two styles": (b'{"prompt": "a", "style": "ink", "stylePreset": "oil"}', 422),
}


@pytest.mark.parametrize(("body", "status"), CASES.values(), ids=CASES.keys())
async def test_a_refused_body_has_no_effect(client, backstage, body, status):
    answer = await client.post("/api/generations", content=body, headers=JSON)

    assert answer.status_code == status, answer.text
    assert len(backstage.generations.submissions) == (1 if status == 202 else 0)
    if status != 202:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == status
        assert problem["code"]
        assert problem["detail"]
        assert problem["requestId"] == answer.headers["x-request-id"]
        assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/json; charset=utf-16", "multipart/form-data; boundary=x", "text/json"],
)
async def test_another_content_type_is_refused(client, backstage, content_type):
    answer = await client.post("/api/generations", content=b'{"prompt": "a"}', headers={"content-type": content_type})

    assert answer.status_code == 415
    assert backstage.generations.submissions == []


async def test_a_body_without_a_length_is_refused_at_the_limit(client):
    async def endless():
        for _ in range(MAX_BODY_BYTES // 65_536 + 2):
            yield b" " * 65_536

    answer = await client.post("/api/generations", content=endless(), headers=JSON)

    assert answer.status_code == 413


async def test_an_unknown_field_is_named_with_what_is_accepted(client):
    answer = await client.post("/api/generations", json={"prompt": "a", "numberOfImage": 2})

    assert answer.json()["errors"][0]["pointer"] == "/numberOfImage"
    assert "numberOfImages" in answer.json()["errors"][0]["message"]


async def test_an_invalid_value_is_named_by_its_path(client):
    answer = await client.post("/api/generations", json={"prompt": "a", "numberOfImages": 0})

    assert answer.json()["errors"][0]["pointer"] == "/numberOfImages"


@pytest.mark.parametrize(
    "text",
    [
        "a crow <script>alert(1)</script>",
        "{{7*7}} ${x} %s %n",
        "'; DROP TABLE live_jobs; --",
        "שלום עולם",
        "👨‍👩‍👧‍👦 family",
        "line\nbreak\ttab",
        "=1+1",
    ],
)
async def test_text_in_any_script_is_unchanged(client, backstage, text):
    answer = await client.post("/api/generations", json={"prompt": text})

    assert answer.status_code == 202
    assert backstage.generations.submissions[0].spec.prompt == text
