from __future__ import annotations

import csv
import io

import pytest
from pixel_gateway.domain.billing import Transaction, UsageQuery

NOW = "2026-11-21T10:00:00Z"


def transfers(clock, number: int, *, reason: str = "") -> list[Transaction]:
    return [
        Transaction(f"{each:032x}", "hold", -2, 2, "gen_" + "1" * 32, 1, reason, clock.now()) for each in range(number)
    ]


async def test_credits_have_balance_plan_and_limits(client):
    body = (await client.get("/api/credits")).json()

    assert (body["available"], body["held"], body["plan"], body["dailyLimit"]) == (1000, 0, "free", None)


async def test_the_statement_has_pages(client, backstage):
    backstage.engine.ledger_reads.rows = transfers(backstage.clock, 3)

    first = (await client.get("/api/credits/transactions?limit=2")).json()
    second = (await client.get(f"/api/credits/transactions?limit=2&cursor={first['nextCursor']}")).json()

    assert [len(first["items"]), len(second["items"]), second["nextCursor"]] == [2, 1, None]
    assert (first["items"][0]["available"], first["items"][0]["held"]) == (-2, 2)


@pytest.mark.parametrize(("query", "accept"), [("?format=csv", "*/*"), ("", "text/csv")])
async def test_the_statement_as_csv_has_every_page(client, backstage, query, accept):
    backstage.engine.ledger_reads.rows = transfers(backstage.clock, 2500)

    answer = await client.get(f"/api/credits/transactions{query}", headers={"accept": accept})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["id"] for row in rows] == [each.id for each in backstage.engine.ledger_reads.rows]
    assert {int(row["available"]) for row in rows} == {-2}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", '=cmd|"/c calc"!A1'])
async def test_text_that_a_spreadsheet_would_run_is_escaped(client, backstage, text):
    backstage.engine.ledger_reads.rows = transfers(backstage.clock, 1, reason=text)

    answer = await client.get("/api/credits/transactions?format=csv")

    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["reason"] == f"'{text}"
    assert row["available"] == "-2"


async def test_commas_quotes_and_line_breaks_stay_in_their_cell(client, backstage):
    backstage.engine.ledger_reads.rows = transfers(backstage.clock, 1, reason='a, "b"\nc')

    answer = await client.get("/api/credits/transactions?format=csv")

    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["reason"] == 'a, "b"\nc'


@pytest.mark.parametrize("query", ["kind=gift", "limit=0", "limit=101", "generationId=gen_x", "format=xml", "x=1"])
async def test_an_invalid_query_is_refused(client, query):
    assert (await client.get(f"/api/credits/transactions?{query}")).status_code in {404, 422}


async def test_a_code_is_redeemed_once(client):
    first = await client.post("/api/credits/promotions", json={"code": "welcome"})
    second = await client.post("/api/credits/promotions", json={"code": "WELCOME"})
    unknown = await client.post("/api/credits/promotions", json={"code": "OTHER"})

    assert [first.json()["redeemed"], second.json()["redeemed"]] == [True, False]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "PROMOTION_NOT_FOUND")


async def test_usage_is_grouped_by_the_requested_fields(client, backstage, user_id):
    answer = await client.get("/api/usage?groupBy=apiKey,endUser,metadata.team&from=2026-11-01")
    table = await client.get("/api/usage?groupBy=apiKey,endUser,metadata.team&format=csv")

    (asked, _) = backstage.engine.ledger_reads.queries
    assert asked == UsageQuery(user_id, ("api_key", "end_user", "metadata.team"), asked.from_time, None)
    assert answer.json()["items"][0]["group"] == {"apiKey": "=end", "endUser": "=end", "metadata.team": "=end"}
    assert answer.json()["totalCredits"] == 6
    assert table.text.splitlines() == [
        "apiKey,endUser,metadata.team,generations,images,credits",
        "'=end,'=end,'=end,2,3,6",
    ]


@pytest.mark.parametrize("groups", ["colour", "model,model", "apiKey,endUser,model,day", "metadata.", "model,"])
async def test_unknown_groupings_of_usage_are_refused(client, groups):
    assert (await client.get(f"/api/usage?groupBy={groups}")).status_code == 422


async def test_the_budget_of_an_own_key_is_set_read_and_deleted(client, backstage):
    key_id = (await client.post("/api/keys", json={"name": "app"})).json()["key"]["id"]
    path = f"/api/keys/{key_id}/budget"

    put = await client.put(path, json={"period": "day", "limitCredits": 10})
    await client.put(path, json={"period": "month", "limitCredits": 100})
    changed = await client.put(path, json={"period": "day", "limitCredits": 20})
    listed = (await client.get(path)).json()["items"]
    removed = (await client.delete(f"{path}?period=day")).json()["items"]

    assert (put.json()["limit"], put.json()["scope"], put.json()["subject"]) == (10, "key", key_id)
    assert changed.json()["id"] == put.json()["id"]
    assert [(each["period"], each["limit"]) for each in listed] == [("day", 20), ("month", 100)]
    assert [each["period"] for each in removed] == ["day"]
    assert [each.period for each in backstage.engine.budgets.rows.values()] == ["month"]
    assert (await client.delete(f"{path}?period=day")).json()["code"] == "BUDGET_NOT_FOUND"


async def test_a_key_with_a_budget_cannot_change_it(client, backstage):
    (own,) = backstage.keys.rows.values()
    other = (await client.post("/api/keys", json={"name": "app"})).json()["key"]["id"]
    assert (await client.put(f"/api/keys/{own.id}/budget", json={"period": "day", "limitCredits": 10})).is_success

    answers = [
        await client.put(f"/api/keys/{own.id}/budget", json={"period": "day", "limitCredits": 1000}),
        await client.put(f"/api/keys/{other}/budget", json={"period": "day", "limitCredits": 1000}),
        await client.delete(f"/api/keys/{own.id}/budget"),
        await client.post("/api/keys", json={"name": "free"}),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "KEY_HAS_BUDGET")}
    assert (await client.get(f"/api/keys/{own.id}/budget")).json()["items"][0]["limit"] == 10
    assert len(backstage.keys.rows) == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_budget_of_another_users_key_is_not_found(client, backstage, other_secret, method):
    theirs = list(backstage.keys.rows.values())[-1]
    body = {"period": "day", "limitCredits": 10} if method == "PUT" else None

    answer = await client.request(method, f"/api/keys/{theirs.id}/budget", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "KEY_NOT_FOUND")
    assert backstage.engine.budgets.rows == {}


async def test_the_queue_and_own_statistics_have_their_fields(client, backstage, user_id):
    queue = (await client.get("/api/queue/status")).json()
    stats = (await client.get("/api/stats/generations")).json()
    generation_id = (await client.post("/api/generations", json={"prompt": "a"})).json()["data"]["id"]
    one = (await client.get(f"/api/queue/status/{generation_id}")).json()

    assert queue == {
        "queueLength": 3,
        "processingCount": 2,
        "averageWaitTime": 4.5,
        "estimatedProcessingTime": 1.5,
    }
    assert (stats["totalGenerations"], stats["successfulGenerations"], stats["failedGenerations"]) == (4, 3, 1)
    assert (stats["averageProcessingTime"], stats["totalTokensUsed"]) == (1.5, 10)
    assert stats["popularModels"] == [{"model": "studio-sketch", "count": 4}]
    assert backstage.engine.records.asked == [user_id]
    assert (one["queuePosition"], one["eta"], one["estimatedWaitTime"]) == (1, {"minSeconds": 0, "maxSeconds": 2}, 2.0)
