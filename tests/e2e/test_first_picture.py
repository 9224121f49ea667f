"""A user's journey: submit, watch, read, discover."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any

import httpx2
import pytest
import skimage.data
import websockets
from openai import AsyncOpenAI
from PIL import Image

from tests.e2e.conftest import Running
from tests.e2e.person import Person, Studio
from tests.e2e.prompts import PROMPTS, RATIOS, STYLES
from tests.loopback import http_client


def picture(data: bytes) -> Image.Image:
    opened = Image.open(io.BytesIO(data))
    opened.load()
    return opened


async def fetched(url: str) -> httpx2.Response:
    async with http_client() as http:
        answer = await http.get(url)
        assert answer.status_code == 200, answer.text
        return answer


async def test_a_generation_ends_with_a_set_of_readable_images(person: Person) -> None:
    asked = {"prompt": "a lighthouse at dawn", "numberOfImages": 3, "style": "ink", "aspectRatio": "16:9", "seed": 7}
    accepted = await person.submit(asked)
    assert accepted["status"] in {"queued", "processing"}
    assert accepted["costCredits"] == 3
    assert accepted["links"]["status"].startswith(person.studio.address)
    done = await person.finished(accepted["id"])
    assert (done["status"], done["progress"]) == ("completed", 100)
    assert len(done["resultImages"]) == 3
    made_set = (await person.http.get(f"/api/sets/{done['setId']}")).json()
    assert [image["index"] for image in made_set["images"]] == [0, 1, 2]
    for image in made_set["images"]:
        original = await fetched(image["url"])
        assert original.headers["content-type"] == "image/png"
        assert picture(original.content).size == (image["width"], image["height"])
        assert abs(image["width"] / image["height"] - 16 / 9) < 0.05
        thumbnail = picture((await fetched(image["thumbnailUrl"])).content)
        assert thumbnail.format == "WEBP"
        assert max(thumbnail.size) == 512
        preview = picture((await fetched(image["previewUrl"])).content)
        assert max(preview.size) == 1280


async def test_the_same_seed_makes_the_same_picture_and_another_seed_another(person: Person) -> None:
    async def bytes_of(seed: int) -> bytes:
        accepted = await person.submit({"prompt": "a boat on a lake", "seed": seed, "size": "512x512"})
        done = await person.finished(accepted["id"])
        return (await fetched(done["resultImages"][0]["url"])).content

    first, again, other = await bytes_of(11), await bytes_of(11), await bytes_of(12)
    assert first == again
    assert first != other


async def test_credits_are_held_then_captured(person: Person) -> None:
    available, held = await person.credits()
    accepted = await person.submit({"prompt": "two trees", "numberOfImages": 2})
    now_available, now_held = await person.credits()
    assert available - now_available == 2
    assert now_held in {held, held + 2}
    await person.finished(accepted["id"])
    assert await person.credits() == (available - 2, held)


async def test_the_stored_events_are_gapless_and_end_completed_on_every_live_transport(person: Person) -> None:
    accepted = await person.submit({"prompt": "a watched pot", "numberOfImages": 2})
    over_sse, over_socket = await asyncio.gather(
        watch_sse(person, accepted["id"]), watch_socket(person, accepted["id"])
    )
    for events in (over_sse, over_socket):
        numbers = [event["sequence"] for event in events]
        assert numbers == sorted(set(numbers))
        assert numbers[1:] == list(range(numbers[0] + 1, numbers[0] + len(numbers)))
        progress = [event["progress"] for event in events]
        assert progress == sorted(progress)
        assert events[-1]["setId"] == accepted["setId"]
    assert over_sse[-1]["status"] == "completed"
    assert over_socket[-1]["status"] == "complete"
    assert (await person.http.get(f"/api/sets/{accepted['setId']}")).status_code == 200


async def watch_sse(person: Person, generation_id: str, last_id: str = "") -> list[dict[str, Any]]:
    events, name = [], ""
    headers = {"last-event-id": last_id} if last_id else {}
    async with person.http.stream("GET", f"/api/generations/{generation_id}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:") and name != "resync":
                events.append(json.loads(line[5:]))
    return events


async def watch_socket(person: Person, generation_id: str) -> list[dict[str, Any]]:
    url = person.studio.address.replace("http", "ws", 1) + f"/api/processing/{generation_id}/status"
    headers = {"authorization": f"Bearer {person.api_key}"}
    async with websockets.connect(url, additional_headers=headers) as socket:
        return [json.loads(message) async for message in socket]


async def test_a_stream_resumes_after_the_last_event_it_saw(person: Person) -> None:
    accepted = await person.submit({"prompt": "a river seen twice", "numberOfImages": 2})
    await person.finished(accepted["id"])
    stored = (await person.http.get(f"/api/generation/{accepted['id']}/status", params={"after": 0})).json()["events"]
    assert [event["sequence"] for event in stored] == list(range(1, len(stored) + 1))
    resumed = await watch_sse(person, accepted["id"], last_id="2")
    assert [event["sequence"] for event in resumed] == list(range(3, len(stored) + 1))


async def test_a_socket_opens_for_the_owner_only(person: Person, stranger: Person) -> None:
    theirs = await stranger.submit({"prompt": "not yours"})
    with pytest.raises(websockets.InvalidStatus) as refused:
        await watch_socket(person, theirs["id"])
    assert refused.value.response.status_code in {403, 404}


async def test_history_pages_newest_first_without_repeats(person: Person) -> None:
    ids = [(await person.submit({"prompt": f"page {number}", "size": "256x256"}))["id"] for number in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = (
            await person.http.get("/api/generations", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [item["id"] for item in page["items"]]
        if not (cursor := page["nextCursor"]):
            break
    assert seen == list(reversed(ids))
    for generation_id in ids:
        await person.finished(generation_id)


async def test_discover_lists_public_pictures_newest_first_and_no_private_ones(person: Person) -> None:
    public = await person.submit({"prompt": "for everybody", "size": "256x256"})
    private = await person.submit({"prompt": "for me", "size": "256x256", "private": True})
    await person.finished(public["id"])
    await person.finished(private["id"])
    async with http_client(person.studio.address) as anonymous:
        listed: list[dict[str, Any]] = []
        cursor = None
        for _ in range(3):
            params: dict[str, Any] = {"limit": 20, **({"cursor": cursor} if cursor else {})}
            page = (await anonymous.get("/api/images/discover", params=params)).json()
            listed += page["items"]
            if not (cursor := page["nextCursor"]):
                break
        sets = [image["setId"] for image in listed]
        assert public["setId"] in sets
        assert private["setId"] not in sets
        assert len({image["id"] for image in listed}) == len(listed)
        times = [image["createdAt"] for image in listed]
        assert times == sorted(times, reverse=True)
        first = (await anonymous.get("/api/images/discover", params={"page": 1, "limit": 3})).json()["items"]
        assert [image["id"] for image in first] == [image["id"] for image in listed[:3]]
        assert (await anonymous.get(f"/api/sets/{private['setId']}")).status_code == 404
        assert (await anonymous.get(f"/api/sets/{public['setId']}")).status_code == 200


async def test_an_unchanged_openai_client_makes_pictures(person: Person) -> None:
    async with AsyncOpenAI(base_url=f"{person.studio.address}/v1", api_key=person.api_key, max_retries=0) as client:
        by_url = await client.images.generate(prompt="a quiet harbour in the rain", n=2, size="1536x1024")
        assert by_url.data is not None
        for image in by_url.data:
            assert image.url is not None
            assert picture((await fetched(image.url)).content).size == (1536, 1024)
        by_bytes = await client.images.generate(prompt="a moth", response_format="b64_json", size="512x512")
        assert by_bytes.data is not None
        assert by_bytes.data[0].b64_json is not None
        assert picture(base64.b64decode(by_bytes.data[0].b64_json)).size == (512, 512)
        models = [model.id async for model in client.models.list()]
        assert "studio-sketch" in models
    history = (await person.http.get("/api/generations")).json()["items"]
    assert {item["status"] for item in history} == {"completed"}
    assert len(history) == 2


async def test_a_retried_submission_is_the_same_job_and_pays_once(person: Person) -> None:
    available, _ = await person.credits()
    body = {"prompt": "once", "size": "256x256"}
    answers = await asyncio.gather(*(person.submit(body, key="once-1") for _ in range(20)))
    assert len({answer["id"] for answer in answers}) == 1
    await person.finished(answers[0]["id"])
    assert await person.credits() == (available - 1, 0)


async def assert_becomes_a_picture(person: Person, number: int, **form: str) -> None:
    """Submit a prompt of the list in one of the styles; check the result."""
    prompt, style = PROMPTS[number], STYLES[number % len(STYLES)]
    accepted = await person.submit({"prompt": prompt, **form, **({"style": style} if style else {})})
    done = await person.finished(accepted["id"])
    assert done["status"] == "completed", (number, done)
    stored = (await person.http.get(f"/api/sets/{accepted['setId']}")).json()["images"][0]
    assert stored["prompt"] == prompt.strip(), number
    thumbnail = picture((await fetched(stored["thumbnailUrl"])).content).convert("RGB")
    assert len(thumbnail.resize((16, 16)).getcolors(256) or ()) > 8, number


async def test_prompts_in_any_script_become_images(person: Person) -> None:
    numbers = iter(range(len(PROMPTS)))

    async def one_after_the_other() -> None:
        for number in numbers:
            await assert_becomes_a_picture(person, number, size="256x256")

    await asyncio.gather(*(one_after_the_other() for _ in range(8)))


@pytest.mark.parametrize("ratio", RATIOS)
async def test_a_prompt_becomes_a_picture_of_each_ratio(person: Person, ratio: str) -> None:
    await assert_becomes_a_picture(person, RATIOS.index(ratio), aspectRatio=ratio)


async def test_keys_are_listed_without_their_secret(person: Person, studio: Studio) -> None:
    made = (await person.http.post("/api/keys", json={"name": "laptop"})).json()
    assert made["secret"].startswith("pxl_")
    listed = await person.http.get("/api/keys")
    assert made["key"]["id"] in [key["id"] for key in listed.json()["items"]]
    assert made["secret"] not in listed.text


async def test_the_operators_endpoints_answer(studio: Studio, person: Person) -> None:
    async with http_client(studio.address) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
        schema = (await http.get("/openapi.json")).json()
        assert schema["openapi"].startswith("3.1")
        assert {"/api/generations", "/v1/images/generations"} <= set(schema["paths"])
        docs = (await http.get("/docs")).text
        assert "http://" not in docs.replace(studio.address, "")
        assert "https://" not in docs
        assert (await person.http.get("/api/kafka/health")).json()["status"] == "healthy"


async def test_the_metrics_count_submissions(running: Running, person: Person) -> None:
    await person.finished((await person.submit({"prompt": "counted", "size": "256x256"}))["id"])
    pages = [(await fetched(f"http://{address}/metrics")).text for address in running.metrics_addresses]
    metrics = "\n".join(pages)
    assert 'http_requests_total{method="POST",route="/api/generations",status="202"}' in metrics
    assert 'pixel_submissions_total{outcome="accepted"}' in metrics


PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
async def test_a_real_photograph_goes_through_the_image_path(store_photograph: Any, name: str) -> None:
    encoded = io.BytesIO()
    photograph = Image.fromarray(getattr(skimage.data, name)())
    photograph.save(encoded, "JPEG", quality=92)
    renditions = await store_photograph(encoded.getvalue())
    assert picture((await fetched(renditions["original"])).content).format == "JPEG"
    thumbnail = picture((await fetched(renditions["thumbnail"])).content)
    assert max(thumbnail.size) == min(512, max(photograph.size))
