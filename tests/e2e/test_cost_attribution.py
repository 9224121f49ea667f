"""N24: the cost of end users of an app is the same in usage, CSV, receipts and ledger."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter

from tests.e2e.person import Person
from tests.loopback import http_client

APPS, END_USERS = 3, 5


async def test_usage_by_app_and_end_user_equals_the_ledger(person: Person) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    owner: dict[str, tuple[str, str]] = {}
    for app in range(APPS):
        made = (await person.http.post("/api/keys", json={"name": f"app-{app}"})).json()
        headers = {"authorization": f"Bearer {made['secret']}"}
        async with http_client(person.studio.address, headers=headers, timeout=60.0) as http:
            for number in range(END_USERS):
                who, images = (made["key"]["id"], f"end-user-{number}"), 1 + (app + number) % 2
                body = {"prompt": "a small boat", "numberOfImages": images, "size": "512x512", "user": who[1]}
                answer = await http.post("/api/generations", json=body)
                assert answer.status_code == 202, answer.text
                owner[answer.json()["data"]["id"]] = who
                expected[who] += images
    await asyncio.gather(*(person.finished(generation_id, within_s=120) for generation_id in owner))

    path = "/api/usage?groupBy=apiKey,endUser"
    usage = (await person.http.get(path)).json()
    table = csv.DictReader(io.StringIO((await person.http.get(f"{path}&format=csv")).text))
    export = csv.DictReader(io.StringIO((await person.http.get("/api/credits/transactions?format=csv")).text))
    ledger: Counter[tuple[str, str]] = Counter()
    for transfer in export:
        if transfer["generationId"]:
            ledger[owner[transfer["generationId"]]] -= int(transfer["available"]) + int(transfer["held"])
    receipts: Counter[tuple[str, str]] = Counter()
    for generation_id, who in owner.items():
        receipt = (await person.http.get(f"/api/generations/{generation_id}/receipt")).json()
        assert all(
            money["heldCredits"] == money["capturedCredits"] + money["releasedCredits"] for money in receipt["rounds"]
        )
        receipts[who] += receipt["chargedCredits"]

    told = {(item["group"]["apiKey"], item["group"]["endUser"]): item["credits"] for item in usage["items"]}
    assert len(told) == APPS * END_USERS
    assert told == expected == ledger == receipts
    assert {(row["apiKey"], row["endUser"]): int(row["credits"]) for row in table} == told
    assert usage["totalCredits"] == sum(expected.values())
