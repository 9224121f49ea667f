from __future__ import annotations

import asyncio
import base64

import pytest
from pixel_errors import Conflict, DeadlineExceeded, Invalid, NotFound, PixelError, Unavailable, Violation
from pixel_gateway.domain.generation import Status

from tests.fakes.gateway_generations import PNG

PROMPT = {"prompt": "a lighthouse at dawn"}


class InsufficientCredits(PixelError):
    kind = "failed_precondition"
    reason = "INSUFFICIENT_CREDITS"


async def answered(client, backstage, wait_until, end, **fields):
    request = asyncio.create_task(client.post("/v1/images/generations", json=PROMPT | fields))
    await wait_until(lambda: backstage.app.live.watcher_count() or request.done())
    for generation_id, row in list(backstage.generations.rows.items()):
        if not row.status.is_final:
            end(generation_id)
    return await request


async def test_pictures_are_returned_as_urls(client, backstage, wait_until):
    answer = await answered(client, backstage, wait_until, backstage.finish, n=2, size="1024x1024", made_up="ignored")

    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert [image["url"].startswith("http://studio.test/media/objects/") for image in body["data"]] == [True, True]
    assert body["usage"]["cost_credits"] == 4
    assert isinstance(body["created"], int)
    assert backstage.generations.submissions[0].spec.private is True


async def test_pictures_are_returned_as_bytes(client, backstage, wait_until):
    answer = await answered(client, backstage, wait_until, backstage.finish, response_format="b64_json")

    assert base64.b64decode(answer.json()["data"][0]["b64_json"]) == PNG


async def test_openais_default_values_are_accepted(client, backstage, wait_until):
    await answered(
        client,
        backstage,
        wait_until,
        backstage.finish,
        quality="standard",
        style="vivid",
        size="auto",
        background="auto",
    )

    spec = backstage.generations.submissions[0].spec
    assert (spec.quality, spec.style, spec.size) == ("", "", "")


async def test_models_of_the_gpt_image_family_return_bytes(client, backstage, wait_until):
    answer = await answered(client, backstage, wait_until, backstage.finish, model="gpt-image-1")

    assert "b64_json" in answer.json()["data"][0]


async def test_the_job_is_visible_at_the_other_endpoints(client, backstage, wait_until):
    body = (await answered(client, backstage, wait_until, backstage.finish)).json()

    assert (await client.get(f"/api/generations/{body['generation_id']}")).json()["status"] == "completed"


async def test_a_wait_that_times_out_returns_the_job_id(client, backstage):
    answer = await client.post("/v1/images/generations", json=PROMPT)

    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "generation_pending"
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["location"].startswith("/api/generations/gen_")


async def test_with_a_key_the_client_can_wait_again(client):
    answer = await client.post("/v1/images/generations", json=PROMPT, headers={"idempotency-key": "one"})

    assert answer.status_code == 504
    assert "x-should-retry" not in answer.headers


async def test_an_accepted_submission_is_marked_as_not_retryable(client, backstage, wait_until):
    """The pictures exist, only their URLs are unavailable: a second request would be a second job."""
    backstage.media.is_away = True
    answer = await answered(client, backstage, wait_until, backstage.finish)

    assert answer.status_code == 503
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["location"].startswith("/api/generations/gen_")


async def test_an_unexpected_error_after_acceptance_is_marked_as_not_retryable(client, backstage, wait_until):
    def finish_badly(generation_id):
        backstage.sets.trouble = RuntimeError("password=hunter2")
        backstage.finish(generation_id)

    answer = await answered(client, backstage, wait_until, finish_badly)

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["location"].startswith("/api/generations/gen_")


@pytest.mark.parametrize("error", [DeadlineExceeded(), Unavailable(), RuntimeError("lost")])
async def test_a_submission_with_unknown_outcome_is_marked_as_not_retryable(client, backstage, error):
    backstage.generations.rejection = error

    answer = await client.post("/v1/images/generations", json=PROMPT)

    assert answer.headers["x-should-retry"] == "false"


async def test_with_a_key_a_submission_with_unknown_outcome_can_be_retried(client, backstage):
    backstage.generations.rejection = Unavailable()

    answer = await client.post("/v1/images/generations", json=PROMPT, headers={"idempotency-key": "one"})

    assert answer.status_code == 503
    assert "x-should-retry" not in answer.headers


@pytest.mark.parametrize("reason", ["OVERLOADED", "SUBMISSIONS_FULL"])
async def test_a_refused_client_can_retry(client, backstage, reason):
    backstage.generations.rejection = Unavailable(reason=reason, retry_after_s=1)

    answer = await client.post("/v1/images/generations", json=PROMPT)

    assert answer.status_code == 503
    assert "x-should-retry" not in answer.headers


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "  "}, "prompt"),
        ({"prompt": "x" * 4001}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": "2"}, "n"),
        ({"response_format": "png"}, "response_format"),
        ({"background": "transparent"}, "background"),
        ({"output_format": "webp"}, "output_format"),
        ({"stream": True}, "stream"),
    ],
)
async def test_an_invalid_value_is_named_in_openais_format(client, backstage, fields, parameter):
    answer = await client.post("/v1/images/generations", json=PROMPT | fields)

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == parameter
    assert backstage.generations.submissions == []


@pytest.mark.parametrize(
    ("rejection", "status", "code"),
    [
        (InsufficientCredits("no"), 402, "insufficient_quota"),
        (NotFound("no", reason="MODEL_NOT_FOUND"), 404, "model_not_found"),
        (Conflict("no", reason="IDEMPOTENCY_KEY_IN_USE"), 409, "idempotency_key_in_use"),
        (Invalid("no", reason="IDEMPOTENCY_KEY_REUSED"), 422, "idempotency_key_reused"),
        (Invalid("no", violations=(Violation("size", "no"),)), 400, "invalid_request"),
    ],
)
async def test_rejections_have_openais_status_and_code(client, backstage, rejection, status, code):
    backstage.generations.rejection = rejection

    answer = await client.post("/v1/images/generations", json=PROMPT)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert (answer.headers.get("x-should-retry") == "false") is (status in {402, 409, 422})


async def test_a_failed_generation_is_a_retryable_error(client, backstage, wait_until):
    def fail(generation_id):
        backstage.app.live.publish(backstage.generations.advance(generation_id, Status.FAILED, 0))

    answer = await answered(client, backstage, wait_until, fail)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "timeout"


async def test_a_missing_key_is_refused_in_openais_format(anonymous):
    answer = await anonymous.post("/v1/images/generations", json=PROMPT)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


async def test_malformed_json_and_unknown_routes_have_openais_format_too(client):
    broken = await client.post("/v1/images/generations", content=b"{", headers={"content-type": "application/json"})

    assert broken.status_code == 400
    assert broken.json()["error"]["type"] == "invalid_request_error"
    assert (await client.get("/v1/nothing")).json()["error"]["code"] == "route_not_found"


async def test_the_models_are_listed_in_openais_format(client):
    body = (await client.get("/v1/models")).json()

    assert body["object"] == "list"
    assert body["data"][0]["id"] == "studio-sketch"
    assert (await client.get("/v1/models/sketch")).json()["id"] == "studio-sketch"
    assert (await client.get("/v1/models/none")).status_code == 404


async def test_an_openai_client_that_prefers_not_to_wait_is_accepted_at_once(client, backstage):
    answer = await client.post("/v1/images/generations", json={"prompt": "a"}, headers={"prefer": "respond-async"})
    (generation_id,) = backstage.generations.rows

    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    assert answer.json()["data"]["id"] == generation_id
    assert answer.headers["location"].endswith(f"/api/generations/{generation_id}")
