from __future__ import annotations

import pytest
from pixel_errors import Invalid, PixelError, Violation
from pixel_gateway.domain.generation import Status
from pixel_runtime.ids import format_id, new_id

PROMPT = {"prompt": "a lighthouse at dawn"}


class InsufficientCredits(PixelError):
    kind = "failed_precondition"
    reason = "INSUFFICIENT_CREDITS"


async def submit(client, **fields) -> dict:
    answer = await client.post("/api/generations", json=PROMPT | fields)
    assert answer.status_code == 202, answer.text
    return answer.json()["data"]


async def test_a_submission_is_accepted_with_links_to_follow_it(client, backstage):
    answer = await client.post("/api/generations", json=PROMPT | {"numberOfImages": 2, "aspectRatio": "16:9"})

    body = answer.json()
    data = body["data"]
    assert answer.status_code == 202
    assert body["success"] is True
    assert data["status"] == "queued"
    assert data["costCredits"] == 4
    assert answer.headers["location"] == f"http://studio.test/api/generations/{data['id']}" == data["links"]["self"]
    assert data["links"]["socket"] == f"ws://studio.test/api/processing/{data['id']}/status"
    assert int(answer.headers["retry-after"]) >= 1
    assert backstage.generations.submissions[0].spec.aspect_ratio == "16:9"


async def test_the_idempotency_key_is_passed_on_and_a_replay_is_marked(client, backstage):
    headers = {"idempotency-key": "order-1"}
    first = await client.post("/api/generations", json=PROMPT, headers=headers)
    second = await client.post("/api/generations", json=PROMPT, headers=headers)

    assert second.json()["data"]["id"] == first.json()["data"]["id"]
    assert second.headers["idempotent-replayed"] == "true"
    assert len(backstage.generations.submissions) == 1
    assert backstage.generations.submissions[0].idempotency_key == "order-1"


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ümlaut"])
async def test_a_malformed_idempotency_key_is_refused(client, backstage, key):
    answer = await client.post("/api/generations", json=PROMPT, headers={"idempotency-key": key.encode()})

    assert answer.status_code == 422
    assert backstage.generations.submissions == []


async def test_a_completed_generation_shows_its_pictures(client, backstage):
    data = await submit(client, numberOfImages=2)
    backstage.finish(data["id"])

    seen = (await client.get(f"/api/generations/{data['id']}")).json()

    assert seen["status"] == "completed"
    assert seen["progress"] == 100
    assert len(seen["resultImages"]) == 2
    assert seen["resultImages"][0]["url"].startswith("http://studio.test/media/objects/")
    assert seen["capturedCredits"] == 4


async def test_completion_is_withheld_until_the_set_can_be_read(client, backstage):
    data = await submit(client)
    backstage.generations.advance(data["id"], Status.COMPLETED, 100)

    held = (await client.get(f"/api/generations/{data['id']}")).json()
    polled = (await client.get(f"/api/generation/{data['id']}/status?after=0")).json()
    listed = (await client.get("/api/generations")).json()["items"][0]
    backstage.sets.add(backstage.generations.rows[data["id"]])
    shown = (await client.get(f"/api/generation/{data['id']}/status?after=0")).json()

    assert (held["status"], held["stage"], held["progress"]) == ("processing", "uploading", 95)
    assert (polled["status"], [event["type"] for event in polled["events"]]) == ("processing", ["progress"])
    assert listed["status"] == "processing"
    assert (shown["status"], [event["type"] for event in shown["events"]]) == ("completed", ["progress", "completed"])


async def test_polling_has_the_progress_fields(client):
    data = await submit(client)

    body = (await client.get(f"/api/generation/{data['id']}/status")).json()

    assert body["generationId"] == data["id"]
    assert body["progress"] == 0
    assert body["currentStep"] == "Waiting in queue"
    assert body["estimatedTimeRemaining"] is None
    assert body["events"] is None


async def test_polling_returns_the_cached_status_while_generation_is_unreachable(client, backstage):
    data = await submit(client)
    event = backstage.generations.advance(data["id"], Status.PROCESSING, 50)
    await backstage.last_status.put([event])
    backstage.generations.is_away = True

    body = (await client.get(f"/api/generation/{data['id']}/status")).json()

    assert (body["status"], body["progress"]) == ("processing", 50)


async def test_the_cached_status_is_returned_to_its_owner_only(client, backstage, other_secret):
    data = await submit(client)
    await backstage.last_status.put([backstage.generations.advance(data["id"], Status.PROCESSING, 50)])
    backstage.generations.is_away = True
    headers = {"authorization": f"Bearer {other_secret}"}

    answer = await client.get(f"/api/generation/{data['id']}/status", headers=headers)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


async def test_pages_follow_each_other(client):
    ids = [(await submit(client))["id"] for _ in range(3)]

    first = (await client.get("/api/generations?limit=2")).json()
    second = (await client.get(f"/api/generations?limit=2&cursor={first['nextCursor']}")).json()

    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]
    assert second["nextCursor"] is None


async def test_older_status_names_are_accepted(client, backstage):
    data = await submit(client)

    assert [item["id"] for item in (await client.get("/api/generations?status=pending")).json()["items"]] == [
        data["id"]
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/api/generations?limit=0",
        "/api/generations?limit=101",
        "/api/generations?limit=-1",
        "/api/generations?limit=1e9",
        "/api/generations?status=done",
        "/api/generations?colour=red",
        "/api/images/discover?sortBy=best",
        "/api/images/discover?page=0",
        "/api/images/discover?from=yesterday",
        "/api/images/discover?filter[model]=%00",
    ],
)
async def test_a_wrong_parameter_is_refused(client, path):
    answer = await client.get(path)

    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize("query", ["limit=1&limit=2", "cursor=%ff%fe"])
async def test_a_malformed_query_is_refused(client, query):
    assert (await client.get(f"/api/generations?{query}")).status_code == 400


@pytest.mark.parametrize(
    "path", ["/api/generations/{}", "/api/generation/{}/status", "/api/generations/{}/events", "/api/sets/{}"]
)
@pytest.mark.parametrize("id_", ["0", "-1", "9223372036854775808", "{x}", "gen_xyz", "gen_" + "A" * 32, "a%2Fb"])
async def test_a_malformed_id_is_not_found_without_a_call(client, backstage, path, id_):
    answer = await client.get(path.format(id_))

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert backstage.generations.reads == 0


async def test_another_users_resource_is_answered_like_a_missing_one(client, other_secret):
    data = await submit(client)
    headers = {"authorization": f"Bearer {other_secret}"}
    missing = format_id("gen", new_id())

    for path in ("/api/generations/{}", "/api/generation/{}/status", "/api/generations/{}/events"):
        theirs = await client.get(path.format(data["id"]), headers=headers)
        nobodys = await client.get(path.format(missing), headers=headers)
        same = [{**answer.json(), "requestId": ""} for answer in (theirs, nobodys)]
        assert theirs.status_code == nobodys.status_code == 404
        assert same[0] == same[1]


async def test_too_few_credits_are_402_with_the_code(client, backstage):
    backstage.generations.rejection = InsufficientCredits("The pictures cost 8 credits and 3 are available.")

    answer = await client.post("/api/generations", json=PROMPT)

    assert answer.status_code == 402
    assert answer.json()["code"] == "INSUFFICIENT_CREDITS"
    assert answer.json()["retryable"] is False


async def test_an_invalid_field_has_the_name_of_the_public_api(client, backstage):
    backstage.generations.rejection = Invalid(
        "7:0 is no aspect ratio.", reason="INVALID_ASPECT_RATIO", violations=(Violation("aspect_ratio", "is none"),)
    )

    answer = await client.post("/api/generations", json=PROMPT | {"aspectRatio": "7:0"})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "/aspectRatio", "message": "is none"}]


async def test_the_models_are_listed(client):
    body = (await client.get("/api/models")).json()

    assert [model["id"] for model in body["items"]] == ["studio-sketch"]
    assert body["items"][0]["aspectRatios"][1] == {"ratio": "16:9", "width": 1344, "height": 768}
