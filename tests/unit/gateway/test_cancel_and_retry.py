from __future__ import annotations

import pytest
from pixel_gateway.adapters.metrics import CANCELLATIONS, REFUSED_BULK_CALLS
from pixel_gateway.application.generations.ports import CancelOutcome
from pixel_gateway.domain.billing import BULK_CALLS_A_DAY
from pixel_gateway.domain.generation import Status
from pixel_runtime.ids import format_id, new_id

PROMPT = {"prompt": "a lighthouse at dawn"}


async def submitted(client, **fields) -> str:
    answer = await client.post("/api/generations", json=PROMPT | fields)
    assert answer.status_code == 202, answer.text
    return answer.json()["data"]["id"]


@pytest.mark.parametrize("outcome", [CancelOutcome.FREE, CancelOutcome.PARTIAL, CancelOutcome.PENDING])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/generations/{}/cancel"), ("DELETE", "/api/generations/{}")]
)
async def test_a_repeated_cancellation_has_the_same_outcome(client, backstage, outcome, method, path):
    generation_id = await submitted(client)
    backstage.engine.job_commands.outcomes[generation_id] = outcome
    counted = CANCELLATIONS.labels(outcome)._value.get()

    first = await client.request(method, path.format(generation_id))
    again = await client.request(method, path.format(generation_id))

    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert first.json()["outcome"] == outcome
    assert first.json()["generation"]["status"] == ("queued" if outcome is CancelOutcome.PENDING else "cancelled")
    assert CANCELLATIONS.labels(outcome)._value.get() == counted + 2


async def test_an_ended_generation_is_too_late_to_cancel(client, backstage):
    generation_id = await submitted(client)
    backstage.finish(generation_id)

    answer = await client.post(f"/api/generations/{generation_id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "CANCEL_TOO_LATE")
    assert answer.json()["facts"] == {"outcome": "too_late", "status": "completed"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/generations/{}/cancel"),
        ("DELETE", "/api/generations/{}"),
        ("POST", "/api/generations/{}/retry"),
        ("GET", "/api/generations/{}/receipt"),
        ("GET", "/api/generations/{}/log"),
        ("GET", "/api/queue/status/{}"),
    ],
)
async def test_another_users_generation_is_answered_like_a_missing_one(client, backstage, other_secret, method, path):
    generation_id = await submitted(client)
    theirs = {"authorization": f"Bearer {other_secret}", "x-request-id": "same"}

    foreign = await client.request(method, path.format(generation_id), headers=theirs)
    missing = await client.request(method, path.format(format_id("gen", new_id())), headers=theirs)

    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()
    assert backstage.generations.rows[generation_id].status is Status.QUEUED


async def test_a_failed_generation_is_retried_as_a_new_round(client, backstage):
    generation_id = await submitted(client)
    backstage.generations.advance(generation_id, Status.FAILED, 0)

    again = await client.post(f"/api/generations/{generation_id}/retry")
    once_more = await client.post(f"/api/generations/{generation_id}/retry")

    assert again.status_code == once_more.status_code == 202
    assert (again.json()["data"]["status"], again.json()["data"]["round"]) == ("queued", 2)
    assert "idempotent-replayed" not in again.headers
    assert once_more.headers["idempotent-replayed"] == "true"


async def test_a_completed_generation_cannot_be_retried(client, backstage):
    generation_id = await submitted(client)
    backstage.finish(generation_id)

    answer = await client.post(f"/api/generations/{generation_id}/retry")

    assert (answer.status_code, answer.json()["code"]) == (409, "RETRY_NOT_POSSIBLE")


async def test_a_bulk_cancel_decides_each_job_on_its_own(client, backstage):
    own, ended = await submitted(client), await submitted(client)
    backstage.finish(ended)

    answer = await client.post("/api/generations/cancel", json={"ids": [own, ended]})

    items = answer.json()["items"]
    assert [item["id"] for item in items] == [own, ended]
    assert [item["outcome"] for item in items] == ["free", "too_late"]


@pytest.mark.parametrize("path", ["/api/generations/cancel", "/api/generations/retry"])
async def test_a_bulk_call_with_another_users_or_a_missing_id_changes_nothing(client, backstage, other_secret, path):
    own = await submitted(client)
    foreign = (
        await client.post("/api/generations", json=PROMPT, headers={"authorization": f"Bearer {other_secret}"})
    ).json()["data"]["id"]

    for unknown in (foreign, format_id("gen", new_id())):
        answer = await client.post(path, json={"ids": [own, unknown]})
        assert (answer.status_code, answer.json()["code"]) == (404, "GENERATION_NOT_FOUND")

    assert [backstage.generations.rows[each].status for each in (own, foreign)] == [Status.QUEUED] * 2


async def test_a_bulk_retry_decides_each_generation_on_its_own(client, backstage):
    failed, waiting, done = [await submitted(client) for _ in range(3)]
    backstage.generations.advance(failed, Status.FAILED, 0)
    backstage.finish(done)

    answer = await client.post("/api/generations/retry", json={"ids": [failed, waiting, done]})

    assert answer.status_code == 202
    assert [item["replayed"] for item in answer.json()["items"]] == [False, True, None]
    assert answer.json()["items"][2]["error"]["code"] == "RETRY_NOT_POSSIBLE"
    assert answer.json()["items"][2]["error"]["status"] == 409


@pytest.mark.parametrize(
    "ids",
    [[], ["gen_x"], ["usr_" + "1" * 32], ["gen_" + "1" * 32] * 2, [f"gen_{number:032x}" for number in range(101)]],
    ids=["none", "no id", "another kind", "twice", "101"],
)
@pytest.mark.parametrize("path", ["/api/generations/cancel", "/api/generations/retry"])
async def test_malformed_ids_are_refused_and_the_call_is_not_counted(client, backstage, path, ids):
    answer = await client.post(path, json={"ids": ids})

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert backstage.engine.bulk_calls.calls == {}


async def test_a_user_makes_a_hundred_bulk_calls_a_day(client, backstage):
    generation_id = await submitted(client)
    backstage.generations.advance(generation_id, Status.FAILED, 0)
    refused = REFUSED_BULK_CALLS._value.get()
    for number in range(BULK_CALLS_A_DAY):
        path = "/api/generations/cancel" if number % 2 else "/api/generations/retry"
        assert (await client.post(path, json={"ids": [generation_id]})).status_code in {200, 202}

    over = await client.post("/api/generations/retry", json={"ids": [generation_id]})
    backstage.clock.advance(14 * 3600)
    next_day = await client.post("/api/generations/retry", json={"ids": [generation_id]})

    assert (over.status_code, over.json()["code"]) == (429, "BULK_LIMIT")
    assert int(over.headers["retry-after"]) == 14 * 3600
    assert next_day.status_code == 202
    assert REFUSED_BULK_CALLS._value.get() == refused + 1


async def test_the_log_has_events_and_actions_in_order(client, backstage, user_id):
    generation_id = await submitted(client)
    backstage.clock.advance(1)
    backstage.generations.advance(generation_id, Status.PROCESSING, 50)
    backstage.clock.advance(1)
    backstage.engine.act("cancel", user_id, generation_id, actor=user_id, outcome="free", ticket="T-1")
    backstage.engine.act("refund_generation", user_id, generation_id, actor="usr_" + "9" * 32, reason="sorry")
    backstage.clock.advance(1)
    backstage.generations.advance(generation_id, Status.CANCELLED, 50, "Cancelled")

    items = (await client.get(f"/api/generations/{generation_id}/log")).json()["items"]

    assert [(item["actor"], item["action"], item["sequence"]) for item in items] == [
        ("engine", "status", 1),
        ("engine", "status", 2),
        ("you", "cancel", None),
        ("operator", "refund_generation", None),
        ("engine", "status", 3),
    ]
    assert items[2]["facts"] == {"outcome": "free"}
    assert "usr_999" not in str(items)


async def test_the_log_withholds_the_end_until_the_set_can_be_read(client, backstage):
    generation_id = await submitted(client)
    backstage.generations.advance(generation_id, Status.COMPLETED, 100)

    held = (await client.get(f"/api/generations/{generation_id}/log")).json()["items"]
    backstage.sets.add(backstage.generations.rows[generation_id])
    told = (await client.get(f"/api/generations/{generation_id}/log")).json()["items"]

    assert [item["status"] for item in held] == ["queued"]
    assert [item["status"] for item in told] == ["queued", "completed"]


async def test_the_receipt_has_null_for_unknown_values(client, backstage):
    generation_id = await submitted(client, numberOfImages=2)
    backstage.finish(generation_id)

    receipt = (await client.get(f"/api/generations/{generation_id}/receipt")).json()

    assert receipt["chargedCredits"] == receipt["rounds"][0]["capturedCredits"] == 4
    assert receipt["rounds"][0]["heldCredits"] == 4
    assert receipt["providerCostUsdMicros"] is None
    assert receipt["attempts"][0]["costUsdMicros"] is None
    assert receipt["attempts"][0]["failureCode"] is None
    assert receipt["attempts"][0]["providerRequestId"] == "req-1"
