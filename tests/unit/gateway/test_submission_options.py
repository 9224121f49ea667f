"""Options of a submission: schedule, priority, deadline, end user."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pixel_gateway.domain.generation import JobType, Priority

PROMPT = {"prompt": "a lighthouse at dawn"}


async def test_every_field_of_a_submission_is_passed_on(client, backstage):
    at = "2026-11-21T12:00:00+01:00"
    fields = {
        "jobType": "image",
        "priority": "low",
        "scheduledAt": at,
        "cancelAfter": 90,
        "user": "customer-7",
        "metadata": {"team": "ads"},
        "adjust": True,
        "allowFallback": True,
        "maxRetries": 0,
    }

    answer = await client.post("/api/generations", json=PROMPT | fields)

    (submission,) = backstage.generations.submissions
    (key,) = backstage.keys.rows.values()
    assert answer.status_code == 202, answer.text
    assert (submission.job_type, submission.priority) == (JobType.IMAGE, Priority.LOW)
    assert submission.schedule_time == datetime(2026, 11, 21, 11, tzinfo=UTC)
    assert submission.cancel_after_s == 90
    assert (submission.end_user, submission.metadata) == ("customer-7", {"team": "ads"})
    assert (submission.adjust, submission.allow_fallback, submission.max_retries) == (True, True, 0)
    assert submission.api_key_id == key.id
    data = answer.json()["data"]
    assert (data["priority"], data["user"], data["metadata"]) == ("low", "customer-7", {"team": "ads"})
    assert data["waitsFor"] == "scheduled"
    assert data["links"]["cancel"].endswith(f"/api/generations/{data['id']}/cancel")


async def test_a_plain_submission_has_default_values(client, backstage):
    await client.post("/api/generations", json=PROMPT)

    (submission,) = backstage.generations.submissions
    assert (submission.job_type, submission.priority) == (JobType.IMAGE, Priority.NORMAL)
    assert submission.schedule_time is None
    assert submission.cancel_after_s == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("45", 45), ("1s", 1), ("24h", 86_400)],
)
async def test_the_deadline_can_be_sent_as_a_header_field(client, backstage, header, seconds):
    answer = await client.post("/api/generations", json=PROMPT, headers={"cancel-after": header})

    assert answer.status_code == 202, answer.text
    assert backstage.generations.submissions[0].cancel_after_s == seconds


@pytest.mark.parametrize("seconds", [0, -1, 0.5, 86_401, 1e9])
async def test_a_deadline_out_of_its_bounds_is_refused(client, backstage, seconds):
    in_body = await client.post("/api/generations", json=PROMPT | {"cancelAfter": seconds})
    in_header = await client.post("/api/generations", json=PROMPT, headers={"cancel-after": f"{seconds:f}s"})

    assert (in_body.status_code, in_body.json()["errors"][0]["pointer"]) == (422, "/cancelAfter")
    assert (in_header.status_code, in_header.json()["errors"][0]["pointer"]) == (422, "/Cancel-After")
    assert backstage.generations.submissions == []


@pytest.mark.parametrize("header", ["", "soon", "1e9", "90 s", "1d", "٣s", "nan", "9" * 400])
async def test_a_malformed_deadline_is_refused(client, backstage, header):
    answer = await client.post("/api/generations", json=PROMPT, headers={"cancel-after": header.encode()})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/Cancel-After")
    assert backstage.generations.submissions == []


async def test_two_different_deadlines_are_refused(client, backstage):
    headers = {"cancel-after": "1m"}
    same = await client.post("/api/generations", json=PROMPT | {"cancelAfter": 60}, headers=headers)
    other = await client.post("/api/generations", json=PROMPT | {"cancelAfter": 61}, headers=headers)

    assert (same.status_code, other.status_code) == (202, 422)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("jobType", "poem"),
        ("priority", "urgent"),
        ("priority", 1),
        ("scheduledAt", "tomorrow"),
        ("scheduledAt", "2026-11-21T12:00:00"),
        ("scheduledAt", "9999-12-31T23:59:59.999999-23:59"),
        ("scheduledAt", "0001-01-01T00:00:00+23:59"),
        ("cancelAfter", "90s"),
        ("cancelAfter", True),
        ("user", "x" * 201),
        ("metadata", {"a": 1}),
        ("metadata", {"": "a"}),
        ("metadata", {"k" * 65: "a"}),
        ("metadata", {"a": "v" * 513}),
        ("metadata", {str(number): "a" for number in range(17)}),
        ("adjust", "yes"),
        ("allowFallback", 1),
    ],
)
async def test_an_invalid_value_is_refused_with_its_path(client, backstage, field, value):
    answer = await client.post("/api/generations", json=PROMPT | {field: value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")
    assert backstage.generations.submissions == []


async def test_the_openai_endpoint_passes_on_key_and_end_user(client, backstage):
    headers = {"prefer": "respond-async"}
    await client.post("/v1/images/generations", json=PROMPT | {"user": "u-1"}, headers=headers)
    await client.post("/v1/images/generations", json=PROMPT | {"safety_identifier": "s-1"}, headers=headers)

    (key,) = backstage.keys.rows.values()
    assert [each.end_user for each in backstage.generations.submissions] == ["u-1", "s-1"]
    assert {each.api_key_id for each in backstage.generations.submissions} == {key.id}


async def test_the_history_is_filtered(client, backstage):
    await client.post("/api/generations", json=PROMPT)
    backstage.clock.advance(3600)
    await client.post("/api/generations", json=PROMPT | {"jobType": "video", "model": "other"})
    since = (backstage.clock.now() - timedelta(minutes=1)).isoformat().replace("+", "%2B")

    async def found(query: str) -> int:
        return len((await client.get(f"/api/generations?{query}")).json()["items"])

    assert await found("") == 2
    assert await found("model=other") == 1
    assert await found("jobType=video") == 1
    assert await found("jobType=image&model=other") == 0
    assert await found(f"from={since}") == 1
    assert await found(f"to={since}") == 1
    assert await found("failureCode=timeout") == 0
    assert (await client.get("/api/generations?jobType=poem")).status_code == 422


async def test_a_quote_prices_the_same_body_and_creates_nothing(client, backstage):
    quoted = (await client.post("/api/quotes", json=PROMPT | {"numberOfImages": 3, "priority": "low"})).json()
    route = (await client.post("/api/routes/explain", json=PROMPT)).json()

    assert (quoted["costCredits"], quoted["creditsPerImage"], quoted["priceId"]) == (6, 2, "studio-sketch/1")
    assert quoted["wouldBeRefused"] is None
    assert quoted["route"]["model"] == route["model"] == "studio-sketch"
    assert route["candidates"][0]["excludedBecause"] is None
    assert backstage.engine.job_commands.quoted[0].priority is Priority.LOW
    assert backstage.generations.submissions == []
