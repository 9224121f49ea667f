"""Explained routes are executed and promised sizes are delivered, for every model of the catalogue."""

from __future__ import annotations

import asyncio
import io
import os
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from tests.e2e.conftest import Supplied
from tests.e2e.person import Person

REQUESTS = int(os.environ.get("ROUTED_REQUESTS", "150"))
"""Generated requests whose explanation is compared with their execution; 1,000 at full size."""
AT_ONCE = 16
MODELS = ["", "auto", "studio-sketch", "gpt-image-2", "gpt-image-2.5-flare", "dall-e-3", "no-such-model"]


@pytest.fixture
async def buyer(supplied: Supplied) -> AsyncIterator[Person]:
    async with supplied.studio.person(first_credits=1_000_000) as buyer:
        yield buyer


def anything(chance: random.Random) -> dict[str, Any]:
    """Return a random request, valid or not."""
    pick = chance.choice
    wishes = {
        "model": pick(MODELS),
        "numberOfImages": chance.randint(1, 10),
        "style": pick(["", "", "ink", "cubism"]),
        "quality": pick(["", "", "high", "low", "extreme"]),
        "aspectRatio": pick(["", "", "1:1", "3:2", "16:9", "5:1"]),
        "size": pick(["", "", "1024x1024", "1536x1024", "640x512", "77x77"]),
        "seed": pick([None, None, None, 3]),
        "parameters": pick([{}, {}, {}, {"background": "opaque"}, {"steps": 9}]),
        "adjust": chance.random() < 0.5,
        "allowFallback": chance.random() < 0.5,
    }
    return {"prompt": "a fox"} | {name: value for name, value in wishes.items() if value not in ("", None, {})}


async def explained(person: Person, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = await person.http.post("/api/routes/explain", json=body)
    return answer.status_code, answer.json()


async def test_the_explained_route_is_executed_and_replayed_the_same(buyer: Person) -> None:
    chance, later = random.Random(11), (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    gate, taken = asyncio.Semaphore(AT_ONCE), []

    async def one(body: dict[str, Any]) -> None:
        async with gate:
            (status, route), (again, replayed) = [await explained(buyer, body) for _ in range(2)]
            answer = await buyer.http.post("/api/generations", json=body | {"scheduledAt": later})
            if status != 200:
                assert (again, answer.status_code) == (status, status), body
                assert replayed["code"] == answer.json()["code"] == route["code"], body
                return
            assert answer.status_code == 202, (body, answer.text)
            assert replayed == route
            made = (await buyer.http.get(answer.json()["data"]["links"]["self"])).json()
            taken.append(made["id"])
            assert made["model"] == made["route"]["model"] == route["model"], body
            assert made["route"]["fallbackModels"] == route["fallbackModels"], body
            assert made["route"]["rule"] == route["rule"], body
            assert made["route"]["candidates"] == route["candidates"], body
            able = {route["model"], *route["fallbackModels"]}
            for candidate in route["candidates"]:
                assert candidate["excludedBecause"] or candidate["model"] in able or not body.get("allowFallback"), body
            costs = {each["model"]: each["costCredits"] for each in route["candidates"]}
            assert costs[route["model"]] == made["costCredits"], body

    await asyncio.gather(*(one(anything(chance)) for _ in range(REQUESTS)))

    assert len(taken) > REQUESTS / 5
    for start in range(0, len(taken), 100):
        answer = await buyer.http.post("/api/generations/cancel", json={"ids": taken[start : start + 100]})
        assert {item["outcome"] for item in answer.json()["items"]} == {"free"}


def out_of_range(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a request for each field with an unsupported value."""
    wishes: dict[str, Any] = {
        "numberOfImages": model["maxImages"] + 1,
        "quality": "unheard-of",
        "aspectRatio": "31:9",
        "size": "1001x999",
        "parameters": {"unheard_of": "1"},
    }
    if model["styles"]:
        wishes["style"] = "unheard-of"
    if model["provider"] != "sketch":
        wishes["seed"] = 7
    return {field: {"prompt": "a fox", "model": model["id"], field: value} for field, value in wishes.items()}


async def assert_delivered_as_promised(person: Person, made: dict[str, Any]) -> None:
    done = await person.finished(made["id"])
    assert done["status"] == "completed", done
    assert len(done["resultImages"]) == made["numberOfImages"]
    for image in done["resultImages"]:
        address = image["url"] if image["url"].startswith("http") else person.studio.address + image["url"]
        picture = Image.open(io.BytesIO((await person.http.get(address)).content))
        assert "x".join(map(str, picture.size)) == made["size"] == f"{image['width']}x{image['height']}"


async def test_no_unsupported_value_is_dropped_silently(buyer: Person) -> None:
    models = (await buyer.http.get("/api/models")).json()["items"]
    assert {model["provider"] for model in models if model["available"]} == {"sketch", "openai"}
    for model in models:
        for field, body in out_of_range(model).items():
            refused = await buyer.http.post("/api/generations", json=body)
            assert refused.status_code == 422, (body, refused.text)
            assert field in str(refused.json()["errors"]), refused.text
            answer = await buyer.http.post("/api/generations", json=body | {"adjust": True})
            if answer.status_code == 422:
                assert field == "numberOfImages", "beyond what any request may ask for"
                continue
            made = answer.json()["data"]
            assert [each["field"] for each in made["adjustments"]] == [field]
            await assert_delivered_as_promised(buyer, made)


async def test_each_ratio_of_each_model_is_delivered_in_the_size_that_was_promised(buyer: Person) -> None:
    for model in (await buyer.http.get("/api/models")).json()["items"]:
        for ratio in model["aspectRatios"]:
            made = await buyer.submit({"prompt": "a fox", "model": model["id"], "aspectRatio": ratio["ratio"]})
            assert made["size"] == f"{ratio['width']}x{ratio['height']}"
            assert made["adjustments"] == []
            await assert_delivered_as_promised(buyer, made)
