"""Cancel, retry, billing and operations through the public API."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from pixel.gateway.v1 import accounts_service_pb2, accounts_service_pb2_grpc
from pixel_rpc import open_channel

from tests.e2e.person import Person, Studio
from tests.loopback import http_client

ADMIN = "studio"


@asynccontextmanager
async def admin_of(studio: Studio) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with a key of the studio's admin."""
    async with open_channel(studio.accounts_address, default_deadline_s=20.0) as channel:
        stub = accounts_service_pb2_grpc.AccountsServiceStub(channel)
        made = await stub.EnsureAccount(accounts_service_pb2.EnsureAccountRequest(username=ADMIN))
        key = await stub.CreateApiKey(
            accounts_service_pb2.CreateApiKeyRequest(user_id=made.account.id, name="end-to-end")
        )
    headers = {"authorization": f"Bearer {key.secret}"}
    async with http_client(studio.address, headers=headers, timeout=60.0) as http:
        yield http


@pytest.fixture
async def admin(studio: Studio) -> AsyncIterator[httpx2.AsyncClient]:
    async with admin_of(studio) as http:
        yield http


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


async def cancelled(person: Person, generation_id: str) -> dict[str, Any]:
    answer = await person.http.post(f"/api/generations/{generation_id}/cancel")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_scheduled_generation_stays_queued_and_is_cancelled_for_free(person: Person) -> None:
    available, held = await person.credits()
    accepted = await person.submit({"prompt": "later", "numberOfImages": 2, "scheduledAt": in_an_hour()})
    assert (accepted["status"], accepted["waitsFor"]) == ("queued", "scheduled")
    queued = (await person.http.get(f"/api/queue/status/{accepted['id']}")).json()
    assert queued["waitsFor"] == "scheduled"
    assert await person.credits() == (available - 2, held + 2)

    first, again = [await cancelled(person, accepted["id"]) for _ in range(2)]

    assert (first["outcome"], first["generation"]["status"]) == ("free", "cancelled")
    assert again["outcome"] == "free"
    assert await person.credits() == (available, held)
    receipt = (await person.http.get(f"/api/generations/{accepted['id']}/receipt")).json()
    (money,) = receipt["rounds"]
    assert (money["heldCredits"], money["capturedCredits"], money["releasedCredits"]) == (2, 0, 2)
    assert (receipt["chargedCredits"], money["settled"]) == (0, True)


async def test_a_cancelled_generation_runs_again_and_its_receipt_has_two_rounds(person: Person) -> None:
    available, held = await person.credits()
    accepted = await person.submit({"prompt": "once more", "scheduledAt": in_an_hour()})
    await cancelled(person, accepted["id"])

    answer = await person.http.post(f"/api/generations/{accepted['id']}/retry")

    assert answer.status_code == 202, answer.text
    assert answer.json()["data"]["round"] == 2
    done = await person.finished(accepted["id"])
    assert done["status"] == "completed"
    receipt = (await person.http.get(f"/api/generations/{accepted['id']}/receipt")).json()
    assert [each["capturedCredits"] for each in receipt["rounds"]] == [0, 1]
    assert receipt["chargedCredits"] == 1
    assert receipt["attempts"][-1]["state"] == "succeeded"
    assert await person.credits() == (available - 1, held)
    too_late = await person.http.post(f"/api/generations/{accepted['id']}/cancel")
    assert (too_late.status_code, too_late.json()["code"]) == (409, "CANCEL_TOO_LATE")
    refused = await person.http.post(f"/api/generations/{accepted['id']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "RETRY_NOT_POSSIBLE")
    log = (await person.http.get(f"/api/generations/{accepted['id']}/log")).json()["items"]
    assert [entry["sequence"] for entry in log if entry["sequence"]] == list(
        range(1, len([entry for entry in log if entry["sequence"]]) + 1)
    )
    assert {("you", "cancel"), ("you", "retry")} <= {(entry["actor"], entry["action"]) for entry in log}


async def test_cancelling_a_running_generation_ends_it_and_charges_what_the_response_says(person: Person) -> None:
    available, held = await person.credits()
    accepted = await person.submit({"prompt": "a long walk", "numberOfImages": 10, "size": "1536x1024"})
    answer = await person.http.delete(f"/api/generations/{accepted['id']}")
    assert answer.status_code in {200, 409}, answer.text
    done = await person.finished(accepted["id"])
    receipt = (await person.http.get(f"/api/generations/{accepted['id']}/receipt")).json()
    (money,) = receipt["rounds"]

    assert money["capturedCredits"] + money["releasedCredits"] == money["heldCredits"] == 10
    assert receipt["chargedCredits"] == receipt["deliveredImages"] == len(done["resultImages"])
    assert await person.credits() == (available - receipt["chargedCredits"], held)
    again = await person.http.delete(f"/api/generations/{accepted['id']}")
    outcome = again.json()["outcome"] if again.status_code == 200 else again.json()["facts"]["outcome"]
    assert outcome == ("too_late" if done["status"] == "completed" else "partial" if done["resultImages"] else "free")


async def test_a_bulk_cancel_cancels_all_or_none_when_one_is_another_users(person: Person, stranger: Person) -> None:
    mine = [(await person.submit({"prompt": "a", "scheduledAt": in_an_hour()}))["id"] for _ in range(2)]
    theirs = (await stranger.submit({"prompt": "b", "scheduledAt": in_an_hour()}))["id"]

    refused = await person.http.post("/api/generations/cancel", json={"ids": [mine[0], theirs, mine[1]]})
    waiting = [(await person.status(each))["status"] for each in mine]
    answer = await person.http.post("/api/generations/cancel", json={"ids": mine})

    assert (refused.status_code, refused.json()["code"]) == (404, "GENERATION_NOT_FOUND")
    assert (refused.json()["facts"], waiting) == ({"ids": theirs}, ["queued", "queued"])
    assert [item["outcome"] for item in answer.json()["items"]] == ["free", "free"]
    assert (await stranger.status(theirs))["status"] == "queued"
    assert (await stranger.http.get(f"/api/generations/{mine[0]}/receipt")).status_code == 404
    await cancelled(stranger, theirs)


async def test_the_statement_adds_up_and_reads_the_same_as_csv(person: Person) -> None:
    accepted = await person.submit(
        {"prompt": "two trees", "numberOfImages": 2, "user": "c-7", "metadata": {"t": "ads"}}
    )
    await person.finished(accepted["id"])

    page = (await person.http.get("/api/credits/transactions?limit=100")).json()
    table = (await person.http.get("/api/credits/transactions", headers={"accept": "text/csv"})).text
    balance = (await person.http.get("/api/credits")).json()

    assert sum(each["available"] for each in page["items"]) == balance["available"]
    assert sum(each["held"] for each in page["items"]) == balance["held"]
    assert {each["kind"] for each in page["items"]} >= {"grant", "hold", "capture"}
    assert [row["id"] for row in csv.DictReader(io.StringIO(table))] == [each["id"] for each in page["items"]]
    usage = (await person.http.get("/api/usage?groupBy=endUser,metadata.t")).json()
    assert usage["totalCredits"] == 2
    assert usage["items"][0]["group"] == {"endUser": "c-7", "metadata.t": "ads"}


async def test_a_submission_holds_the_quoted_amount(person: Person) -> None:
    body = {"prompt": "three trees", "numberOfImages": 3}
    quote = (await person.http.post("/api/quotes", json=body)).json()
    route = (await person.http.post("/api/routes/explain", json=body)).json()

    accepted = await person.submit(body)

    assert quote["costCredits"] == accepted["costCredits"] == 3
    assert quote["wouldBeRefused"] is None
    assert quote["route"]["model"] == route["model"] == accepted["model"]
    await person.finished(accepted["id"])


async def test_concurrent_submissions_never_exceed_the_budget_of_a_key(person: Person) -> None:
    made = (await person.http.post("/api/keys", json={"name": "limited"})).json()
    path = f"/api/keys/{made['key']['id']}/budget"
    assert (await person.http.put(path, json={"period": "day", "limitCredits": 3})).status_code == 200
    headers = {"authorization": f"Bearer {made['secret']}"}

    answers = await asyncio.gather(
        *(person.http.post("/api/generations", json={"prompt": "a tree"}, headers=headers) for _ in range(10))
    )

    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [402] * 7
    refused = next(answer for answer in answers if answer.status_code == 402)
    assert refused.json()["code"] == "BUDGET_EXHAUSTED"
    for answer in answers:
        if answer.status_code == 202:
            await person.finished(answer.json()["data"]["id"])
    assert (await person.http.get(path)).json()["items"][0]["used"] == 3


async def test_a_member_is_refused_by_every_admin_endpoint(person: Person) -> None:
    for method, path in (
        ("GET", "/api/admin/monitor"),
        ("GET", "/api/admin/failures"),
        ("POST", "/api/admin/reconcile"),
    ):
        answer = await person.http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_an_admin_refunds_and_verifies_the_ledger(admin: httpx2.AsyncClient, person: Person) -> None:
    available, held = await person.credits()
    gift = {"credits": 25, "reason": "thank you", "adjustmentId": f"gift-{person.user_id}"}
    for _ in range(2):
        answer = await admin.post(f"/api/admin/users/{person.user_id}/credits", json=gift)
        assert answer.status_code == 200, answer.text
    assert await person.credits() == (available + 25, held)
    accepted = await person.submit({"prompt": "a tree"})
    await person.finished(accepted["id"])

    refunded = await admin.post(f"/api/admin/generations/{accepted['id']}/refund", json={"reason": "unusable"})

    assert refunded.json() == {"refundedCredits": 1, "refunded": True}
    assert await person.credits() == (available + 25, held)
    proof = (await admin.post("/api/admin/reconcile")).json()
    assert proof["balanced"] is True, proof
    assert len(proof["checks"]) >= 3


async def test_a_paused_queue_starts_nothing_and_queued_jobs_still_expire(
    admin: httpx2.AsyncClient, person: Person
) -> None:
    available, held = await person.credits()
    queues = (await admin.get("/api/admin/monitor")).json()["queues"]
    queue = next(each["queue"] for each in queues if each["provider"] == "sketch")
    assert (await admin.post(f"/api/admin/queues/{queue}/pause")).json()["state"] == "paused"
    try:
        waiting = await person.submit({"prompt": "waits for the queue"})
        answer = await person.http.post(
            "/api/generations", json={"prompt": "not for long"}, headers={"cancel-after": "1s"}
        )
        assert answer.json()["data"]["cancelAt"]
        ended = await person.finished(answer.json()["data"]["id"], within_s=20)
        shown = (await person.http.get(f"/api/generations/{waiting['id']}")).json()
    finally:
        assert (await admin.post(f"/api/admin/queues/{queue}/resume")).json()["state"] == "open"

    assert ended["status"] == "cancelled"
    assert (shown["status"], shown["waitsFor"]) == ("queued", "paused")
    assert (await person.finished(waiting["id"]))["status"] == "completed"
    assert await person.credits() == (available - 1, held)
    actions = (await admin.get("/api/admin/actions?limit=100")).json()["items"]
    assert "queue_paused" in {action["action"] for action in actions}


async def test_statistics_count_the_generations(person: Person) -> None:
    accepted = await person.submit({"prompt": "a tree", "numberOfImages": 2})
    await person.finished(accepted["id"])

    stats = (await person.http.get("/api/stats/generations")).json()
    queue = (await person.http.get("/api/queue/status")).json()

    assert (stats["totalGenerations"], stats["successfulGenerations"], stats["totalTokensUsed"]) == (1, 1, 2)
    assert stats["popularModels"] == [{"model": accepted["model"], "count": 1}]
    assert queue["queueLength"] >= 0
    listed = (await person.http.get(f"/api/generations?status=completed&model={accepted['model']}")).json()["items"]
    assert [each["id"] for each in listed] == [accepted["id"]]
    assert (await person.http.get("/api/generations?jobType=video")).json()["items"] == []
