"""Failed work, from the provider's response to the operator's retry and the owner's notification."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import Supplied
from tests.e2e.person import Person
from tests.e2e.test_engine_endpoints import admin_of
from tests.fakes.openai_server import Fault
from tests.faults.metrics import sample

CLASSES = {
    "blocked": Fault.MODERATED,
    "provider_rejected": Fault.INVALID,
    "provider_unauthorized": Fault.UNAUTHORIZED,
    "provider_quota_exhausted": Fault.QUOTA_SPENT,
    "provider_outcome_unknown": Fault.RESET,
    "no_output": Fault.EMPTY_DATA,
}
SECRET_WORDS = "a heron that nobody else may read about"
SHOWN_WITHIN_S = 5.0


async def failed(person: Person, supplied: Supplied, fault: Fault) -> str:
    """Submit a generation that fails with the provider's fault; return its id once it has failed."""
    supplied.provider.plan.append(fault)
    made = await person.submit({"prompt": SECRET_WORDS, "model": "gpt-image-2", "size": "1024x1024"})
    assert (await person.finished(made["id"], within_s=20))["status"] == "failed"
    return str(made["id"])


async def shown(admin: httpx2.AsyncClient, query: str) -> dict[str, Any]:
    answer = await admin.get(f"/api/admin/failures?{query}")
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def one_shown(admin: httpx2.AsyncClient, generation_id: str) -> dict[str, Any]:
    """Return the failure once it is listed, within seconds."""
    deadline = time.monotonic() + SHOWN_WITHIN_S
    while not (items := (await shown(admin, f"generationId={generation_id}"))["items"]):
        assert time.monotonic() < deadline, f"{generation_id} is not shown after {SHOWN_WITHIN_S} s"
        await asyncio.sleep(0.05)
    only: dict[str, Any] = items[0]
    return only


async def retried(admin: httpx2.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = await admin.post("/api/admin/failures/retry", json=body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def statuses(person: Person, ids: dict[str, str]) -> dict[str, str]:
    return {code: (await person.status(generation_id))["status"] for code, generation_id in ids.items()}


async def one_notification(person: Person, count: int) -> dict[str, Any]:
    """Return the only unread notification once it has this count."""
    deadline = time.monotonic() + SHOWN_WITHIN_S
    while True:
        unread = (await person.http.get("/api/notifications?unread=true")).json()["items"]
        if [each["count"] for each in unread] == [count]:
            only: dict[str, Any] = unread[0]
            return only
        assert time.monotonic() < deadline, unread
        await asyncio.sleep(0.05)


async def test_six_failure_classes_are_listed_one_is_retried_and_the_owner_gets_one_notification(
    supplied: Supplied,
) -> None:
    async with supplied.studio.person() as owner, admin_of(supplied.studio) as admin:
        ids = {code: await failed(owner, supplied, fault) for code, fault in CLASSES.items()}
        for code, generation_id in ids.items():
            failure = await one_shown(admin, generation_id)
            assert failure["error"]["code"] == code
            assert len(failure["attempts"]) >= 1
            if code != "provider_outcome_unknown":
                assert failure["attempts"][-1]["providerRequestId"]
            assert SECRET_WORDS not in str(failure)
            assert failure["redactedPayload"]["promptCharacters"] == len(SECRET_WORDS)
        whole = await shown(admin, f"userId={owner.user_id}")
        assert whole["countByCode"] == dict.fromkeys(CLASSES, 1)
        notice = await one_notification(owner, len(CLASSES))
        assert (notice["kind"], notice["reasons"]) == ("generation_failed", dict.fromkeys(CLASSES, 1))

        which = {"filter": {"failureCode": "provider_rejected", "userId": owner.user_id}}
        tried_dry = await retried(admin, which | {"dryRun": True})
        assert (tried_dry["ids"], tried_dry["dryRun"]) == ([ids["provider_rejected"]], True)
        assert set((await statuses(owner, ids)).values()) == {"failed"}

        # Two operators retry concurrently.
        answers = await asyncio.gather(retried(admin, which), retried(admin, which))
        assert max(answer["ids"] for answer in answers) == [ids["provider_rejected"]]
        assert sum(len(answer["ids"]) for answer in answers) == 1
        assert (await owner.finished(ids["provider_rejected"]))["status"] == "completed"
        now = await statuses(owner, ids)
        assert now.pop("provider_rejected") == "completed"
        assert set(now.values()) == {"failed"}
        again = await retried(admin, which)
        assert again["ids"] == [], "what succeeded is no failure any more"

        actions = (await admin.get(f"/api/admin/actions?generationId={ids['provider_rejected']}")).json()["items"]
        assert [(each["action"], each["metadata"]["failureCode"]) for each in actions] == [
            ("redrive", "provider_rejected")
        ]
        log = (await owner.http.get(f"/api/generations/{ids['provider_rejected']}/log")).json()["items"]
        assert ("operator", "redrive") in {(entry["actor"], entry["action"]) for entry in log}
        assert len((await owner.http.get("/api/notifications?unread=true")).json()["items"]) == 1


async def test_a_retry_at_a_rate_spreads_the_starts(supplied: Supplied) -> None:
    async with supplied.studio.person() as owner, admin_of(supplied.studio) as admin:
        ids = [await failed(owner, supplied, Fault.INVALID) for _ in range(3)]
        body = {"filter": {"userId": owner.user_id}, "ratePerSecond": 0.001}

        assert sorted((await retried(admin, body))["ids"]) == sorted(ids)

        views = [(await owner.http.get(f"/api/generations/{each}")).json() for each in ids]
        waiting = [view for view in views if view["waitsFor"] == "scheduled"]
        assert len(waiting) == 2, "the first one starts at once"
        later = [view["id"] for view in waiting]
        (first,) = set(ids) - set(later)
        assert (await owner.finished(first))["status"] == "completed"
        cancelled = await owner.http.post("/api/generations/cancel", json={"ids": later})
        assert [item["outcome"] for item in cancelled.json()["items"]] == ["free", "free"]


async def test_no_log_holds_a_prompt_or_a_key(supplied: Supplied) -> None:
    async with supplied.studio.person() as owner:
        await failed(owner, supplied, Fault.MODERATED)
        logs = [path.read_text(errors="replace") for path in supplied.logs.glob("*.log")]
        assert any(logs)
        for log in logs:
            assert SECRET_WORDS not in log
            assert owner.api_key not in log
            assert "sk-" not in log


async def costs_so_far(supplied: Supplied) -> float:
    """US dollars from the counters of all processes."""
    name = "api_costs_by_provider_total"
    return sum([await sample(address, name, provider="openai") for address in supplied.metrics_addresses])


async def test_what_a_provider_charges_is_the_same_in_receipt_statistics_and_metrics(supplied: Supplied) -> None:
    async with supplied.studio.person() as owner, admin_of(supplied.studio) as admin:
        counted = await costs_so_far(supplied)
        booked = (await admin.get("/api/admin/stats")).json()["apiCostsByProvider"].get("openai", 0)
        made = await owner.submit({"prompt": "a heron", "model": "gpt-image-2", "numberOfImages": 2})
        assert (await owner.finished(made["id"]))["status"] == "completed"

        receipt = (await owner.http.get(f"/api/generations/{made['id']}/receipt")).json()
        stats = (await admin.get("/api/admin/stats")).json()
        cost = receipt["attempts"][-1]["costUsdMicros"]

        assert cost == 50 * 5 + 2_000 * 40, "what the provider says it used, at the price that was set"
        assert stats["apiCostsByProvider"]["openai"] - booked == cost
        assert await costs_so_far(supplied) - counted == pytest.approx(cost / 1_000_000)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/admin/failures", None),
        ("POST", "/api/admin/failures/retry", {"filter": {"failureCode": "blocked"}}),
        ("GET", "/api/admin/actions", None),
        ("GET", "/api/admin/stats", None),
        ("GET", "/api/admin/queues", None),
        ("PATCH", "/api/admin/queues/openai", {"maxRunning": 1}),
        ("POST", "/api/admin/queues/openai/drain", None),
    ],
)
async def test_only_operators_may_use_these_endpoints(supplied: Supplied, method: str, path: str, body: Any) -> None:
    async with supplied.studio.person(0) as member:
        answer = await member.http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
        del member.http.headers["authorization"]
        answer = await member.http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_API_KEY")
