from __future__ import annotations

from dataclasses import replace

import pytest
from pixel_gateway.application.accounts.accounts import EnsureAccount
from pixel_gateway.application.accounts.api_keys import REMEMBERED_S, CreateApiKey
from pixel_gateway.domain.access import Role
from pixel_gateway.domain.operations import FailureFilter, SetAsideJob
from pixel_runtime.ids import format_id, new_id


def shown_now(backstage) -> str:
    return backstage.clock.now().isoformat().replace("+00:00", "Z")


@pytest.fixture
async def admin(client, backstage):
    """The client with an admin's key."""
    account = await backstage.app.accounts.ensure(EnsureAccount("root"))
    client.headers["authorization"] = (
        f"Bearer {(await backstage.app.accounts.create_api_key(CreateApiKey(account.id, 'k')))[1]}"
    )
    return client


async def test_the_monitor_has_queues_workers_failures_and_bus(admin):
    body = (await admin.get("/api/admin/monitor")).json()

    assert body["queue"]["queueLength"] == 3
    assert body["jobsByStatus"] == {"queued": 4, "processing": 2, "completed": 3, "failed": 1, "cancelled": 0}
    assert (body["queues"][0]["health"], body["queues"][0]["maxRunning"], body["workers"]) == ("closed", None, 4)
    assert body["processingTimes"][0]["averageProcessingTime"] == 1.5
    assert body["failures"]["countByCode"] == {"timeout": 1}
    assert body["bus"]["reachable"] is True


async def test_failures_are_filtered_and_show_no_prompt(admin, backstage):
    query = "failureCode=timeout&model=m&jobType=image&from=2026-11-01&limit=5"

    body = (await admin.get(f"/api/admin/failures?{query}")).json()

    (asked,) = backstage.engine.failures.filters
    assert (asked.failure_code, asked.model, asked.job_type) == ("timeout", "m", "image")
    assert body["items"][0]["error"] == {
        "code": "timeout",
        "message": "The provider took too long.",
        "retryable": True,
    }
    assert body["items"][0]["redactedPayload"] == {"size": "1:1"}


async def test_failures_list_the_generations_that_maintenance_skips(admin, backstage):
    at = backstage.clock.now()
    backstage.engine.failures.set_aside = (SetAsideJob("gen_" + "2" * 32, "expire", "ValueError", 3, at, at, None),)

    body = (await admin.get("/api/admin/failures")).json()

    assert body["setAside"] == [
        {
            "id": "gen_" + "2" * 32,
            "duty": "expire",
            "reason": "ValueError",
            "failures": 3,
            "firstAt": "2026-11-21T10:00:00Z",
            "lastAt": "2026-11-21T10:00:00Z",
            "looksAgainAt": None,
        }
    ]


async def test_failures_are_retried_by_filter(admin, backstage):
    body = {"filter": {"failureCode": "timeout", "from": "2026-11-20T00:00:00Z"}, "dryRun": True, "ratePerSecond": 2.5}

    answer = await admin.post("/api/admin/failures/retry", json=body)

    (redrive,) = backstage.engine.failures.redrives
    assert answer.json() == {"ids": ["gen_" + "1" * 32], "refused": {}, "dryRun": True}
    assert redrive.filter == FailureFilter(failure_code="timeout", from_time=redrive.filter.from_time)
    assert redrive.filter.from_time is not None
    assert (redrive.dry_run, redrive.limit, redrive.rate_per_second) == (True, 100, 2.5)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter": {}},
        {"filter": {"colour": "red"}},
        {"filter": {"failureCode": "a"}, "limit": 0},
        {"filter": {"failureCode": "a"}, "limit": 1001},
        {"filter": {"failureCode": "a"}, "ratePerSecond": -1},
        {"filter": {"userId": "ada"}},
    ],
)
async def test_a_retry_without_a_filter_is_refused(admin, backstage, body):
    assert (await admin.post("/api/admin/failures/retry", json=body)).status_code == 422
    assert backstage.engine.failures.redrives == []


@pytest.mark.parametrize(("verb", "state"), [("pause", "paused"), ("drain", "draining"), ("resume", "open")])
async def test_a_queue_is_paused_drained_and_opened(admin, backstage, verb, state):
    answer = await admin.post(f"/api/admin/queues/studio/{verb}")

    assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert backstage.engine.queue.queue.state == state
    assert (await admin.post(f"/api/admin/queues/none/{verb}")).json()["code"] == "QUEUE_NOT_FOUND"


async def test_limits_of_a_queue_are_changed_and_removed(admin, backstage):
    limited = (await admin.patch("/api/admin/queues/studio", json={"maxRunning": 5})).json()
    lifted = (await admin.patch("/api/admin/queues/studio", json={"maxRunning": None, "maxQueued": 7})).json()
    listed = (await admin.get("/api/admin/queues")).json()["items"]

    assert (limited["maxRunning"], limited["maxQueued"]) == (5, 1000)
    assert (lifted["maxRunning"], lifted["maxQueued"]) == (None, 7)
    assert listed == [lifted]


async def test_an_adjustment_with_an_id_is_made_once(admin, backstage, user_id):
    body = {"credits": -5, "reason": "mistake", "adjustmentId": "fix-1"}

    first = (await admin.post(f"/api/admin/users/{user_id}/credits", json=body)).json()
    second = (await admin.post(f"/api/admin/users/{user_id}/credits", json=body)).json()

    assert first == {"adjustmentId": "fix-1", "available": 995, "adjusted": True}
    assert second == first | {"adjusted": False}
    assert backstage.engine.adjustments.made == {(user_id, "fix-1"): -5}


async def test_the_idempotency_key_is_the_adjustment_id(admin, user_id):
    headers = {"idempotency-key": "once"}
    body = {"credits": 5, "reason": "gift"}

    answers = [
        (await admin.post(f"/api/admin/users/{user_id}/credits", json=body, headers=headers)).json() for _ in range(2)
    ]

    assert [answer["adjusted"] for answer in answers] == [True, False]


@pytest.mark.parametrize(
    "body",
    [{"credits": 0, "reason": "a"}, {"credits": 5}, {"credits": 5, "reason": ""}, {"credits": 1.5, "reason": "a"}],
)
async def test_an_adjustment_needs_an_amount_and_a_reason(admin, backstage, user_id, body):
    assert (await admin.post(f"/api/admin/users/{user_id}/credits", json=body)).status_code == 422
    assert backstage.engine.adjustments.made == {}


async def test_an_account_that_does_not_exist_is_not_changed(admin, backstage):
    path = f"/api/admin/users/{format_id('usr', new_id())}"

    adjusted = await admin.post(f"{path}/credits", json={"credits": 5, "reason": "a"})
    changed = await admin.patch(path, json={"plan": "pro"})

    assert adjusted.json()["code"] == changed.json()["code"] == "ACCOUNT_NOT_FOUND"
    assert backstage.engine.adjustments.changes == []


async def test_a_user_gets_plan_limits_and_role(admin, backstage, user_id):
    changed = (await admin.patch(f"/api/admin/users/{user_id}", json={"plan": "pro", "dailyLimit": 50})).json()
    await admin.patch(f"/api/admin/users/{user_id}", json={"dailyLimit": None, "role": "moderator"})

    first, second = backstage.engine.adjustments.changes
    assert (changed["credits"]["plan"], changed["credits"]["dailyLimit"], changed["role"]) == ("pro", 50, "member")
    assert (first.plan, first.daily_limit_credits, first.max_running) == ("pro", 50, None)
    assert (second.plan, second.daily_limit_credits, second.max_running) == ("", -1, None)
    assert (await backstage.accounts.get(user_id)).role is Role.MODERATOR


async def test_a_removed_role_is_refused_within_five_seconds(admin, backstage):
    account = await backstage.app.accounts.ensure(EnsureAccount("root"))
    await backstage.accounts.set_role(account.id, Role.MEMBER)
    authenticator = backstage.app.accounts.authenticate.__self__
    authenticator._monotonic = lambda: float("inf")  # later than any cached value

    assert (await admin.get("/api/admin/queues")).status_code == 403
    assert REMEMBERED_S <= 5


async def test_a_refund_has_a_reason_and_its_actor(admin, backstage):
    generation_id = (await admin.post("/api/generations", json={"prompt": "a"})).json()["data"]["id"]
    backstage.finish(generation_id)
    root = await backstage.app.accounts.ensure(EnsureAccount("root"))

    answer = await admin.post(f"/api/admin/generations/{generation_id}/refund", json={"reason": "unusable"})

    assert answer.json() == {"refundedCredits": 2, "refunded": True}
    assert backstage.engine.adjustments.refunds == [(generation_id, 0, "unusable", root.id)]


async def test_a_promotion_is_created_once(admin, backstage):
    body = {"code": "SPRING-26", "credits": 50, "maxUses": 10, "endsAt": "2027-01-01T00:00:00Z"}

    made = await admin.post("/api/admin/promotions", json=body)

    assert made.status_code == 201
    assert made.json() == body | {"used": 0, "createdAt": shown_now(backstage)}
    assert (await admin.post("/api/admin/promotions", json=body)).status_code == 409
    assert (await admin.post("/api/admin/promotions", json=body | {"code": "a b"})).status_code == 422


async def test_promotions_are_listed_page_by_page_with_their_uses(admin, backstage):
    for code in ("C-3", "A-1", "B-2"):
        await admin.post("/api/admin/promotions", json={"code": code, "credits": 5})
    rows = backstage.engine.promotions.rows
    rows["A-1"] = replace(rows["A-1"], used=4)

    first = (await admin.get("/api/admin/promotions?limit=2")).json()
    rest = (await admin.get(f"/api/admin/promotions?cursor={first['nextCursor']}")).json()

    made = {"credits": 5, "maxUses": None, "used": 0, "endsAt": None, "createdAt": shown_now(backstage)}
    assert first["items"] == [made | {"code": "A-1", "used": 4}, made | {"code": "B-2"}]
    assert rest == {"items": [made | {"code": "C-3"}], "nextCursor": None}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "INVALID_REQUEST"),
        ("limit=101", "INVALID_REQUEST"),
        ("code=A-1", "INVALID_REQUEST"),
        ("cursor=", "INVALID_PAGE_TOKEN"),
    ],
)
async def test_an_invalid_page_of_promotions_is_refused(admin, query, code):
    answer = await admin.get(f"/api/admin/promotions?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_promotion_is_ended_once_and_stays_listed(admin, backstage):
    root = await backstage.app.accounts.ensure(EnsureAccount("root"))
    made = (await admin.post("/api/admin/promotions", json={"code": "LEAKED", "credits": 5, "maxUses": 9})).json()
    now = shown_now(backstage)

    ended = await admin.delete("/api/admin/promotions/leaked")
    backstage.clock.advance(60)
    again = await admin.delete("/api/admin/promotions/LEAKED")

    assert (ended.status_code, ended.json()) == (200, made | {"endsAt": now})
    assert (again.status_code, again.json()) == (200, ended.json())
    assert (await admin.get("/api/admin/promotions")).json()["items"] == [ended.json()]
    assert backstage.engine.promotions.ended == [("LEAKED", root.id)]


@pytest.mark.parametrize("code", ["NEVER-WAS", "no%20code", "A" * 500])
async def test_ending_an_unknown_promotion_is_not_found(admin, code):
    answer = await admin.delete(f"/api/admin/promotions/{code}")

    assert (answer.status_code, answer.json()["code"]) == (404, "PROMOTION_NOT_FOUND")


async def test_budgets_of_every_scope_are_put_listed_and_removed(admin, backstage):
    provider = {"scope": "provider", "subject": "gemini", "period": "month", "unit": "usd_micros", "limit": 200}
    made = (await admin.put("/api/admin/budgets", json=provider)).json()
    await admin.put("/api/admin/budgets", json={"scope": "platform", "period": "day", "limit": 9})

    listed = (await admin.get("/api/admin/budgets?scope=provider")).json()["items"]
    gone = await admin.delete(f"/api/admin/budgets/{made['id']}")

    assert listed == [made]
    assert gone.status_code == 204
    assert (await admin.delete(f"/api/admin/budgets/{made['id']}")).status_code == 404
    assert [each.scope for each in backstage.engine.budgets.rows.values()] == ["platform"]


@pytest.mark.parametrize(
    ("scope", "subject"), [("platform", "gemini"), ("provider", ""), ("user", "ada"), ("key", "usr_" + "1" * 32)]
)
async def test_a_budget_with_an_invalid_subject_is_refused(admin, backstage, scope, subject):
    body = {"scope": scope, "subject": subject, "period": "day", "limit": 9}

    assert (await admin.put("/api/admin/budgets", json=body)).status_code == 422
    assert backstage.engine.budgets.rows == {}


async def test_reconciling_reports_whether_the_ledger_balances(admin, backstage):
    balanced = (await admin.post("/api/admin/reconcile")).json()
    backstage.engine.adjustments.violations = 2
    broken = (await admin.post("/api/admin/reconcile")).json()

    assert (balanced["balanced"], broken["balanced"]) == (True, False)
    assert broken["checks"][0]["violations"] == 2


async def test_statistics_of_all_users_have_provider_costs(admin, backstage, user_id):
    everybody = (await admin.get("/api/admin/stats")).json()
    one = (await admin.get(f"/api/admin/stats?userId={user_id}")).json()

    assert everybody["apiCostsByProvider"] == {"studio": 0}
    assert one["apiCostsByProvider"] == {}
    assert backstage.engine.records.asked == ["", user_id]


async def test_actions_are_listed(admin, backstage, user_id):
    backstage.engine.act("cancel", user_id, "gen_" + "1" * 32, actor=user_id, outcome="free")
    backstage.engine.act("queue_paused", "", "", actor="operator")

    items = (await admin.get("/api/admin/actions")).json()["items"]
    mine = (await admin.get(f"/api/admin/actions?userId={user_id}")).json()["items"]

    assert [each["action"] for each in items] == ["cancel", "queue_paused"]
    assert (items[1]["userId"], items[1]["generationId"]) == (None, None)
    assert [each["action"] for each in mine] == ["cancel"]


async def test_the_reason_of_a_queue_change_is_stored(admin, backstage):
    answer = await admin.post("/api/admin/queues/studio/pause", json={"reason": "an incident"})

    assert answer.status_code == 200
    assert backstage.engine.queue.changes[-1].reason == "an incident"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{bad", 400, "MALFORMED_JSON"),
        (b'{"reason": 1}', 422, "INVALID_REQUEST"),
        (b'{"why": "x"}', 422, "INVALID_REQUEST"),
    ],
)
async def test_a_malformed_body_changes_no_queue(admin, backstage, content, status, code):
    headers = {"content-type": "application/json"}

    answer = await admin.post("/api/admin/queues/studio/pause", content=content, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert backstage.engine.queue.queue.state == "open"


@pytest.mark.parametrize(
    "body", [{}, {"reason": "only"}, {"maxRunning": 0}, {"maxQueued": 0}, {"maxQueued": 10_000_001}, {"state": "open"}]
)
async def test_invalid_limits_change_nothing(admin, backstage, body):
    answer = await admin.patch("/api/admin/queues/studio", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert backstage.engine.queue.changes == []


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/api/admin/failures?userId=ada", "/userId"),
        ("/api/admin/failures?generationId=gen_1", "/generationId"),
        ("/api/admin/actions?userId=gen_" + "0" * 32, "/userId"),
        ("/api/admin/stats?userId=%20", "/userId"),
    ],
)
async def test_a_malformed_id_in_a_filter_is_invalid_and_not_missing(admin, path, pointer):
    answer = await admin.get(path)

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == pointer
