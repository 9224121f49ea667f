"""Budgets, corrections and promotions through the public API: concurrent and invalid requests."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import Supplied
from tests.e2e.person import Person, Studio
from tests.e2e.test_engine_endpoints import admin_of, in_an_hour

PARALLEL = 500 if os.environ.get("PROFILE") == "full" else 100
FITS = 7


@pytest.fixture
async def admin(studio: Studio) -> AsyncIterator[httpx2.AsyncClient]:
    async with admin_of(studio) as http:
        yield http


@asynccontextmanager
async def budgets(admin: httpx2.AsyncClient, *wanted: dict[str, Any]) -> AsyncIterator[None]:
    """Set budgets, and delete them afterwards: some apply to all users."""
    made = [(await admin.put("/api/admin/budgets", json=each)).json() for each in wanted]
    try:
        yield
    finally:
        for each in made:
            assert (await admin.delete(f"/api/admin/budgets/{each['id']}")).status_code == 204


async def answers(calls: Collection[Any]) -> Counter[tuple[int, str]]:
    given: list[httpx2.Response] = await asyncio.gather(*calls)
    for answer in given:
        assert answer.is_success or answer.headers["content-type"].startswith("application/problem+json"), answer.text
    return Counter((answer.status_code, answer.json().get("code", "")) for answer in given)


@pytest.mark.parametrize(
    "scopes", [("key",), ("user",), ("provider",), ("platform",), ("key", "user", "provider", "platform")]
)
async def test_a_budget_for_seven_accepts_seven_of_many_concurrent_submissions(
    person: Person, admin: httpx2.AsyncClient, scopes: tuple[str, ...]
) -> None:
    (key,) = (await person.http.get("/api/keys")).json()["items"]
    subjects = {"key": key["id"], "user": person.user_id, "provider": "sketch", "platform": ""}
    wanted = [{"scope": scope, "subject": subjects[scope], "period": "day", "limit": FITS} for scope in scopes]
    body = {"prompt": "seven", "scheduledAt": in_an_hour()}
    available, held = await person.credits()

    async with budgets(admin, *wanted):
        quote = (await person.http.post("/api/quotes", json=body)).json()
        seen = await answers([person.http.post("/api/generations", json=body) for _ in range(PARALLEL)])
        refused = (await person.http.post("/api/quotes", json=body)).json()
        used = [
            each["used"] for each in (await admin.get("/api/admin/budgets")).json()["items"] if each["limit"] == FITS
        ]
        waiting = (await person.http.get("/api/generations?status=queued&limit=100")).json()["items"]
        assert await person.credits() == (available - FITS, held + FITS)
        cancelled = await person.http.post("/api/generations/cancel", json={"ids": [each["id"] for each in waiting]})
        given_back = [
            each["used"] for each in (await admin.get("/api/admin/budgets")).json()["items"] if each["limit"] == FITS
        ]

    assert seen == {(202, ""): FITS, (402, "BUDGET_EXHAUSTED"): PARALLEL - FITS}
    assert (quote["wouldBeRefused"], refused["wouldBeRefused"]) == (None, "BUDGET_EXHAUSTED")
    assert used == [FITS] * len(scopes)
    assert [each["outcome"] for each in cancelled.json()["items"]] == ["free"] * FITS
    assert given_back == [0] * len(scopes)
    assert await person.credits() == (available, held)


async def test_nothing_of_unknown_price_is_accepted_under_a_budget(supplied: Supplied) -> None:
    body = {"prompt": "at any price", "model": "gpt-image-2", "scheduledAt": in_an_hour()}
    limit = {"scope": "provider", "subject": "openai", "period": "month", "unit": "usd_micros", "limit": 10**12}
    async with supplied.studio.person() as person, admin_of(supplied.studio) as admin:
        before = await person.credits()
        async with budgets(admin, limit):
            seen = await answers([person.http.post("/api/generations", json=body) for _ in range(30)])
            quote = (await person.http.post("/api/quotes", json=body)).json()
        assert seen == {(422, "PRICE_UNKNOWN"): 30}
        assert quote["wouldBeRefused"] == "PRICE_UNKNOWN"
        assert await person.credits() == before


async def test_credits_deducted_and_spent_at_the_same_time_are_used_once(
    studio: Studio, admin: httpx2.AsyncClient
) -> None:
    async with studio.person(first_credits=10) as person:
        path = f"/api/admin/users/{person.user_id}/credits"
        body = {"prompt": "a race", "scheduledAt": in_an_hour()}
        taken = {"credits": -1, "reason": "a race"}
        spent, corrected = await asyncio.gather(
            answers([person.http.post("/api/generations", json=body) for _ in range(20)]),
            answers([admin.post(path, json=taken) for _ in range(20)]),
        )
        assert set(spent) <= {(202, ""), (402, "INSUFFICIENT_CREDITS")}
        assert set(corrected) <= {(200, ""), (409, "BALANCE_TOO_LOW")}
        assert spent[202, ""] + corrected[200, ""] == 10
        assert await person.credits() == (0, spent[202, ""])
    proof = (await admin.post("/api/admin/reconcile")).json()
    assert [check for check in proof["checks"] if check["violations"]] == []


async def test_an_adjustment_is_made_once_and_its_id_cannot_be_reused(
    person: Person, admin: httpx2.AsyncClient
) -> None:
    path = f"/api/admin/users/{person.user_id}/credits"
    available, _ = await person.credits()
    body = {"credits": 5, "reason": "a gift", "adjustmentId": secrets.token_hex(8)}
    seen = await answers([admin.post(path, json=body) for _ in range(10)])
    other = await answers([admin.post(path, json=body | {"credits": 6}), admin.post(path, json=body | {"reason": "x"})])
    assert seen == {(200, ""): 10}
    assert other == {(422, "IDEMPOTENCY_KEY_REUSED"): 2}
    assert (await person.credits())[0] == available + 5


async def test_a_promotion_for_one_user_is_redeemed_by_one_user_once(
    person: Person, stranger: Person, admin: httpx2.AsyncClient
) -> None:
    code = f"ONCE-{secrets.token_hex(4).upper()}"
    before = sum([(await each.credits())[0] for each in (person, stranger)])
    assert (
        await admin.post("/api/admin/promotions", json={"code": code, "credits": 9, "maxUses": 1})
    ).status_code == 201
    again = await admin.post("/api/admin/promotions", json={"code": code, "credits": 9, "maxUses": 1})
    seen = await answers(
        [who.http.post("/api/credits/promotions", json={"code": code}) for _ in range(10) for who in (person, stranger)]
    )
    assert (again.status_code, again.json()["code"]) == (409, "PROMOTION_EXISTS")
    assert seen == {(200, ""): 10, (409, "PROMOTION_ENDED"): 10}
    assert sum([(await each.credits())[0] for each in (person, stranger)]) == before + 9


async def test_a_leaked_promotion_can_be_found_and_ended(
    person: Person, stranger: Person, admin: httpx2.AsyncClient
) -> None:
    code = f"LEAKED-{secrets.token_hex(4).upper()}"
    made = (await admin.post("/api/admin/promotions", json={"code": code, "credits": 9})).json()
    redeemed = await person.http.post("/api/credits/promotions", json={"code": code})
    assert redeemed.json()["redeemed"] is True
    (listed,) = [each for each in await all_promotions(admin) if each["code"] == code]
    before = (await stranger.credits())[0]

    ended = await admin.delete(f"/api/admin/promotions/{code.lower()}")
    seen = await answers([stranger.http.post("/api/credits/promotions", json={"code": code}) for _ in range(5)])
    again = await admin.delete(f"/api/admin/promotions/{code}")

    assert (made["used"], made["maxUses"], made["endsAt"]) == (0, None, None)
    assert listed == made | {"used": 1}
    assert ended.status_code == again.status_code == 200
    assert ended.json() == again.json() == listed | {"endsAt": ended.json()["endsAt"]}
    assert ended.json()["endsAt"] is not None
    assert seen == {(409, "PROMOTION_ENDED"): 5}
    assert (await stranger.credits())[0] == before
    actions = (await admin.get("/api/admin/actions?limit=100")).json()["items"]
    assert [each["action"] for each in actions if each["metadata"].get("code") == code] == [
        "end_promotion",
        "create_promotion",
    ]


async def all_promotions(admin: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """Return every promotion, read by small pages."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await admin.get(f"/api/admin/promotions?limit=2{cursor}")).json()
        assert 1 <= len(page["items"]) <= 2
        found += page["items"]
        if page["nextCursor"] is None:
            assert [each["code"] for each in found] == sorted(each["code"] for each in found)
            return found
        cursor = f"&cursor={page['nextCursor']}"


OVER_THE_EDGE = "9999-12-31T23:59:59.999999-23:59"
BEFORE_THE_EDGE = "0001-01-01T00:00:00+23:59"
PROMPT = {"prompt": "nothing good"}
REFUSED_BY_MEMBERS_ENDPOINTS = [
    ("POST", "/api/generations", PROMPT | {"scheduledAt": OVER_THE_EDGE}),
    ("POST", "/api/generations", PROMPT | {"scheduledAt": BEFORE_THE_EDGE}),
    ("POST", "/api/generations", PROMPT | {"scheduledAt": "2020-01-01T00:00:00Z"}),
    ("POST", "/api/generations", PROMPT | {"scheduledAt": "2999-01-01T00:00:00Z"}),
    ("POST", "/api/generations", PROMPT | {"cancelAfter": 86_401}),
    ("POST", "/api/generations", PROMPT | {"cancelAfter": 0}),
    ("POST", "/api/generations", PROMPT | {"priority": "high"}),
    ("POST", "/api/generations", PROMPT | {"jobType": "video"}),
    ("POST", "/api/generations", PROMPT | {"model": "gpt-nothing"}),
    ("POST", "/api/generations", PROMPT | {"maxRetries": 99}),
    ("POST", "/api/quotes", PROMPT | {"scheduledAt": OVER_THE_EDGE}),
    ("POST", "/api/quotes", PROMPT | {"numberOfImages": -1}),
    ("POST", "/api/generations/cancel", {"ids": []}),
    ("POST", "/api/generations/cancel", {"ids": [f"gen_{'0' * 32}\n"]}),
    ("POST", "/api/generations/cancel", {"ids": [f"gen_{'0' * 32}"] * 2}),
    ("POST", "/api/generations/retry", {"ids": [f"gen_{n:032x}" for n in range(101)]}),
    ("POST", "/api/generations/retry", {"ids": [None]}),
    ("POST", f"/api/generations/gen_{'0' * 32}/cancel", None),
    ("POST", f"/api/generations/gen_{'0' * 32}/retry", None),
    ("POST", "/api/generations/gen_x/cancel", None),
    ("DELETE", "/api/generations/%00", None),
    ("POST", "/api/credits/promotions", {"code": "NO-SUCH-CODE"}),
    ("POST", "/api/credits/promotions", {"code": "A\0B"}),
    ("POST", "/api/credits/promotions", {"code": "ABC\n"}),
    ("GET", "/api/credits/transactions?kind=theft", None),
    ("GET", "/api/credits/transactions?cursor=AAAA", None),
    ("GET", "/api/credits/transactions?generationId=gen_1", None),
    ("PUT", f"/api/keys/key_{'0' * 32}/budget", {"period": "day", "limitCredits": 5}),
]  # fmt: skip
REFUSED_BY_ADMINS_ENDPOINTS = [
    ("POST", "/api/admin/users/{user}/credits", {"credits": 0, "reason": "x"}),
    ("POST", "/api/admin/users/{user}/credits", {"credits": 1.5, "reason": "x"}),
    ("POST", "/api/admin/users/{user}/credits", {"credits": 10**19, "reason": "x"}),
    ("POST", "/api/admin/users/{user}/credits", {"credits": -(10**9), "reason": "x"}),
    ("POST", "/api/admin/users/{user}/credits", {"credits": 1, "reason": " "}),
    ("POST", "/api/admin/users/{user}/credits", {"credits": 1, "reason": "x", "adjustmentId": "a\n"}),
    ("POST", f"/api/admin/users/usr_{'0' * 32}/credits", {"credits": 1, "reason": "x"}),
    ("PATCH", "/api/admin/users/{user}", {"maxRunning": 0}),
    ("PATCH", "/api/admin/users/{user}", {"dailyLimit": -1}),
    ("PATCH", "/api/admin/users/{user}", {"plan": "no such plan"}),
    ("POST", "/api/admin/promotions", {"code": "EDGE", "credits": 1, "endsAt": OVER_THE_EDGE}),
    ("POST", "/api/admin/promotions", {"code": "EDGE", "credits": 1, "endsAt": BEFORE_THE_EDGE}),
    ("POST", "/api/admin/promotions", {"code": "EDGE", "credits": 1, "maxUses": 10**10}),
    ("POST", "/api/admin/promotions", {"code": "EDGE\n", "credits": 1}),
    ("GET", "/api/admin/promotions?cursor=AAAA", None),
    ("DELETE", "/api/admin/promotions/NEVER-WAS", None),
    ("DELETE", "/api/admin/promotions/%00", None),
    ("PUT", "/api/admin/budgets", {"scope": "user", "subject": "", "period": "day", "limit": 1}),
    ("PUT", "/api/admin/budgets", {"scope": "provider", "subject": "NOT ONE", "period": "day", "limit": 1}),
    ("PUT", "/api/admin/budgets", {"scope": "platform", "period": "day", "limit": 2 * 10**15}),
    ("DELETE", "/api/admin/budgets/zz", None),
    ("POST", f"/api/admin/generations/gen_{'0' * 32}/refund", {"reason": "x"}),
]  # fmt: skip


@pytest.mark.parametrize("who", ["member", "admin"])
async def test_invalid_money_requests_are_refused_with_a_code_and_change_nothing(
    person: Person, admin: httpx2.AsyncClient, who: str
) -> None:
    endpoints = REFUSED_BY_MEMBERS_ENDPOINTS if who == "member" else REFUSED_BY_ADMINS_ENDPOINTS
    http = person.http if who == "member" else admin
    before = (await person.http.get("/api/credits")).json(), (await admin.get("/api/admin/budgets")).json()
    for method, path, body in endpoints:
        answer = await http.request(method, path.format(user=person.user_id), json=body)
        where = f"{method} {path} {body}: {answer.status_code} {answer.text}"
        assert 400 <= answer.status_code < 500, where
        assert answer.headers["content-type"].startswith("application/problem+json"), where
        problem = answer.json()
        assert problem["code"] not in {"INVALID", "CONFLICT", "FAILED_PRECONDITION"}, where
        assert problem["detail"], where
        assert answer.status_code != 422 or problem["errors"], where
    assert ((await person.http.get("/api/credits")).json(), (await admin.get("/api/admin/budgets")).json()) == before
    assert (await person.http.get("/api/generations")).json()["items"] == []


async def test_resources_of_another_user_are_not_reachable(person: Person, stranger: Person) -> None:
    accepted = await person.submit({"prompt": "mine", "scheduledAt": in_an_hour()})
    base = f"/api/generations/{accepted['id']}"
    seen = await answers(
        [
            stranger.http.post(f"{base}/cancel"),
            stranger.http.delete(base),
            stranger.http.post(f"{base}/retry"),
            stranger.http.get(f"{base}/receipt"),
            stranger.http.get(f"{base}/log"),
            stranger.http.post("/api/generations/cancel", json={"ids": [accepted["id"]]}),
            stranger.http.post("/api/generations/retry", json={"ids": [accepted["id"]]}),
        ]
    )
    assert seen == {(404, "GENERATION_NOT_FOUND"): 7}
    rows = (await stranger.http.get(f"/api/credits/transactions?generationId={accepted['id']}")).json()["items"]
    assert rows == []
    assert (await person.status(accepted["id"]))["status"] == "queued"
    await person.http.post(f"{base}/cancel")
