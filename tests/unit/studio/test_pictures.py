from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_studio.api_client import Update, open_client
from pixel_studio.errors import StudioError
from pixel_studio.pictures import Wanted, first_picture, make_pictures, slug

from tests.fakes.studio_api import FakeStudioApi


@pytest.fixture
async def api():
    async with FakeStudioApi() as running:
        yield running


@pytest.fixture
async def client(api):
    async with open_client(api.address, "pxl_test") as opened:
        yield opened


def quiet(_) -> None:
    return None


async def test_pictures_are_followed_and_saved_in_batch_order(api, client, tmp_path):
    updates: list[Update] = []
    made = await make_pictures(client, Wanted("A red fox", count=2), tmp_path, updates.append)
    assert [file.name for file in made.files] == ["a-red-fox-1.png", "a-red-fox-2.png"]
    assert [file.read_bytes() for file in made.files] == [b"picture 0", b"picture 1"]
    assert [update.percent for update in updates] == [0, 50, 100]
    assert api.bodies == [{"prompt": "A red fox", "numberOfImages": 2}]


async def test_every_option_is_sent(api, client, tmp_path):
    wanted = Wanted("x", 1, "ink", "16:9", "studio-sketch", "256x256", 7, private=True)
    await make_pictures(client, wanted, tmp_path, quiet)
    assert api.bodies[0] == {
        "prompt": "x",
        "numberOfImages": 1,
        "style": "ink",
        "aspectRatio": "16:9",
        "model": "studio-sketch",
        "size": "256x256",
        "seed": 7,
        "private": True,
    }


async def test_an_interrupted_request_is_retried_with_the_same_key(api, client, tmp_path):
    api.cut_submissions = 2
    await make_pictures(client, Wanted("fox"), tmp_path, quiet)
    assert len(api.keys) == 3
    assert len(set(api.keys)) == 1


async def test_a_request_to_a_busy_studio_is_retried(api, client, tmp_path):
    api.refuse_submissions = 1
    made = await make_pictures(client, Wanted("fox"), tmp_path, quiet)
    assert len(made.files) == 1


async def test_a_broken_event_stream_resumes_after_the_last_event(api, client, tmp_path):
    api.cut_events = 1
    updates: list[Update] = []
    await make_pictures(client, Wanted("fox"), tmp_path, updates.append)
    assert [update.sequence for update in updates] == [1, 2, 3]
    assert api.resumed_after == ["1"]


async def test_polling_replaces_failing_event_streams(api, client, tmp_path):
    api.no_events = True
    updates: list[Update] = []
    made = await make_pictures(client, Wanted("fox"), tmp_path, updates.append)
    assert updates[-1].status == "completed"
    assert len(made.files) == 1


async def test_the_key_goes_to_the_api_only(api, client, tmp_path):
    await make_pictures(client, Wanted("fox"), tmp_path, quiet)
    assert api.download_authorizations == [None]


async def test_a_failed_generation_reports_the_reason(api, client, tmp_path):
    api.failure = {"code": "blocked", "message": "The provider refused the prompt.", "retryable": False}
    with pytest.raises(StudioError, match=r"refused the prompt\. \(blocked\)"):
        await make_pictures(client, Wanted("fox"), tmp_path, quiet)


async def test_a_problem_response_becomes_one_sentence(api, client, tmp_path):
    api.problem = {
        "detail": "The request breaks a rule.",
        "code": "INVALID_REQUEST",
        "errors": [{"pointer": "style", "message": "is not one of ink, oil"}],
    }
    with pytest.raises(StudioError, match=r"breaks a rule\. \(INVALID_REQUEST\); style: is not one of ink, oil"):
        await make_pictures(client, Wanted("fox", style="x"), tmp_path, quiet)


async def test_an_existing_file_is_never_overwritten(client, tmp_path):
    (tmp_path / "fox-1.png").write_text("mine")
    made = await make_pictures(client, Wanted("fox"), tmp_path, quiet)
    assert made.files[0].name == "fox-2.png"
    assert (tmp_path / "fox-1.png").read_text() == "mine"


async def test_the_first_picture_is_made_once(api, client, tmp_path):
    first = await first_picture(client, tmp_path, quiet)
    assert await first_picture(client, tmp_path, quiet) == first
    assert len(api.bodies) == 1


@given(st.text(max_size=500))
def test_every_prompt_gives_a_usable_file_name(prompt):
    name = slug(prompt)
    assert name
    assert Path(name).name == name
    assert not name.startswith(".")
    assert len(name.encode()) <= 200


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A lighthouse, at dawn!", "a-lighthouse-at-dawn"),
        ("夜の東京", "夜の東京"),
        ("../../etc/passwd", "etc-passwd"),
        ("🦊🦊", "picture"),
        ("word " * 100, "word-word-word-word-word-word-word-word-word-word-word-word"),
    ],
)
def test_file_names_show_the_prompt(prompt, name):
    assert slug(prompt) == name
