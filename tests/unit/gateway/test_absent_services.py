"""Responses of endpoints while a service is unreachable."""

from __future__ import annotations

import pytest
from pixel_errors import Unavailable
from pixel_gateway.domain.generation import Status

PROMPT = {"prompt": "a lighthouse at dawn"}


async def submitted(client) -> str:
    answer = await client.post("/api/generations", json=PROMPT)
    return answer.json()["data"]["id"]


async def test_a_cached_completed_status_is_withheld_until_the_set_can_be_read(client, backstage):
    generation_id = await submitted(client)
    await backstage.last_status.put([backstage.generations.advance(generation_id, Status.COMPLETED, 100)])
    backstage.generations.is_away = True

    held = (await client.get(f"/api/generation/{generation_id}/status")).json()
    backstage.sets.add(backstage.generations.rows[generation_id])
    told = (await client.get(f"/api/generation/{generation_id}/status")).json()

    assert (held["status"], held["stage"], held["progress"], held["sequence"]) == ("processing", "uploading", 95, 1)
    assert (told["status"], told["progress"], told["sequence"]) == ("completed", 100, 2)


async def test_a_cached_completed_status_is_withheld_while_social_is_unreachable(client, backstage):
    generation_id = await submitted(client)
    await backstage.last_status.put([backstage.generations.advance(generation_id, Status.COMPLETED, 100)])
    backstage.generations.is_away = True
    backstage.sets.trouble = Unavailable()

    assert (await client.get(f"/api/generation/{generation_id}/status")).json()["status"] == "processing"


async def test_the_cached_status_is_returned_without_events(client, backstage):
    generation_id = await submitted(client)
    await backstage.last_status.put([backstage.generations.advance(generation_id, Status.PROCESSING, 50)])
    backstage.generations.is_away = True

    answer = await client.get(f"/api/generation/{generation_id}/status?after=0")

    assert answer.status_code == 200
    assert (answer.json()["progress"], answer.json()["events"]) == (50, None)


async def test_without_a_key_a_submission_with_unknown_outcome_is_not_retryable(client, backstage):
    backstage.generations.loses_answers = True

    answer = await client.post("/api/generations", json=PROMPT)

    assert answer.status_code == 503
    assert answer.json()["retryable"] is False
    assert "retry" not in answer.json()["facts"]


async def test_with_a_key_a_submission_with_unknown_outcome_is_retryable(client, backstage):
    backstage.generations.loses_answers = True

    answer = await client.post("/api/generations", json=PROMPT, headers={"idempotency-key": "one"})

    assert answer.json()["retryable"] is True


async def test_a_refused_submission_is_retryable(client, backstage):
    backstage.generations.rejection = Unavailable(reason="OVERLOADED")

    assert (await client.post("/api/generations", json=PROMPT)).json()["retryable"] is True


@pytest.mark.parametrize(("key", "retryable"), [({}, False), ({"idempotency-key": "one"}, True)])
async def test_an_error_after_acceptance_names_the_generation(client, backstage, monkeypatch, key, retryable):
    async def away(*_):
        raise Unavailable

    monkeypatch.setattr(backstage.generations, "get", away)

    answer = await client.post("/api/generations", json=PROMPT, headers={"prefer": "wait=5", **key})

    assert answer.status_code == 503
    assert answer.json()["retryable"] is retryable
    assert answer.json()["facts"]["generationId"] == next(iter(backstage.generations.rows))
