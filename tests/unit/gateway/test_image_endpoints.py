from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.domain.generation import Spec

from tests.fakes.gateway_generations import PNG


@pytest.fixture
async def finished(backstage, user_id):
    accepted = await backstage.generations.submit(Submission(user_id, Spec("a", number_of_images=2), "", "test"))
    backstage.finish(accepted.generation.id)
    return backstage.generations.rows[accepted.generation.id]


def hide(backstage, generation):
    row = backstage.sets.rows[generation.set_id]
    images = tuple(replace(image, private=True) for image in row.images)
    backstage.sets.rows[generation.set_id] = replace(row, images=images)


async def test_a_set_shows_its_pictures(client, finished):
    body = (await client.get(f"/api/sets/{finished.set_id}")).json()

    assert body["generationId"] == finished.id
    assert [image["index"] for image in body["images"]] == [0, 1]
    assert body["images"][0]["thumbnailUrl"].startswith("http://studio.test/media/objects/thumbnails/")
    assert body["images"][0]["likeCount"] == 0


async def test_a_private_set_is_its_owners_only(client, backstage, finished, other_secret):
    hide(backstage, finished)
    path = f"/api/sets/{finished.set_id}"

    assert (await client.get(path)).status_code == 200
    assert (await client.get(path, headers={"authorization": f"Bearer {other_secret}"})).status_code == 404


async def test_discover_reads_every_filter(anonymous, backstage, finished, user_id):
    answer = await anonymous.get(
        "/api/images/discover",
        params={
            "limit": 1,
            "page": 2,
            "sortBy": "popular",
            "filter[model]": "studio-sketch",
            "filter[stylePreset]": "ink",
            "userId": user_id,
            "from": "2026-11-01T00:00:00+02:00",
            "to": "2026-12-01",
        },
    )

    query = backstage.sets.queries[0]
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 1
    assert (query.limit, query.page, query.sort, query.model, query.style, query.user_id) == (
        1,
        2,
        "popular",
        "studio-sketch",
        "ink",
        user_id,
    )
    assert query.from_time == datetime(2026, 10, 31, 22, tzinfo=UTC)
    assert query.to_time == datetime(2026, 12, 1, tzinfo=UTC)


async def test_pictures_are_listed_without_urls_while_media_is_unreachable(anonymous, backstage, finished):
    backstage.media.is_away = True

    items = (await anonymous.get("/api/images/discover")).json()["items"]

    assert [item["url"] for item in items] == [None, None]


async def test_a_signed_url_serves_a_cacheable_picture(client, anonymous, finished):
    url = (await client.get(f"/api/sets/{finished.set_id}")).json()["images"][0]["url"]
    del anonymous.headers["authorization"]

    answer = await anonymous.get(url)
    again = await anonymous.get(url, headers={"if-none-match": answer.headers["etag"]})

    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "inline"
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "change", [("signature=", "signature=0"), ("originals", "previews"), ("expires=1", "expires=2")]
)
async def test_an_altered_url_is_forbidden(client, finished, change):
    url = (await client.get(f"/api/sets/{finished.set_id}")).json()["images"][0]["url"]

    answer = await client.get(url.replace(*change))

    assert answer.status_code == 403
    assert answer.json()["code"] == "ADDRESS_REFUSED"


@pytest.mark.parametrize("query", ["", "?expires=x&signature=y", "?expires=1", f"?expires=1&signature={'x' * 300}"])
async def test_a_url_without_its_signature_is_forbidden(client, query):
    assert (await client.get(f"/media/objects/originals/a.png{query}")).status_code == 403


async def test_a_deleted_picture_is_not_found(client, backstage, finished):
    url = (await client.get(f"/api/sets/{finished.set_id}")).json()["images"][0]["url"]
    backstage.media.missing.add(finished.outputs[0].asset_id)

    assert (await client.get(url)).status_code == 404
