"""The whole service on loopback: gRPC in, Postgres and an object store behind."""

from __future__ import annotations

import asyncio
import hashlib
import os
import urllib.request
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from pixel.media.v1 import assets_service_pb2 as pb
from pixel.media.v1 import assets_service_pb2_grpc as pb_grpc
from pixel_blobs import DirectoryBlobs, S3Blobs
from pixel_errors import Conflict, DeadlineExceeded, FailedPrecondition, Forbidden, Invalid
from pixel_media.adapters.metrics import STORAGE_USAGE, STORED_IMAGES
from pixel_media.main import build
from pixel_media.settings import Settings
from pixel_rpc import RpcServer, open_channel
from pixel_runtime.ids import format_id, new_id
from pixel_runtime.settings import Secret

from tests.fakes import media_images

CHUNK = 262_144


@dataclass
class Client:
    stub: pb_grpc.AssetsServiceAsyncStub

    async def store(self, data: bytes, *, chunk_bytes: int = CHUNK, **changes: object) -> pb.Asset:
        header = pb.StoreAssetHeader(**header_of(data) | changes)  # type: ignore[arg-type]
        chunks = [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)]
        requests = [
            pb.StoreAssetRequest(header=header),
            *(pb.StoreAssetRequest(chunk=chunk) for chunk in chunks),
        ]
        return (await self.stub.StoreAsset(iter(requests))).asset

    async def get(self, *asset_ids: str) -> list[pb.Asset]:
        return list((await self.stub.BatchGetAssets(pb.BatchGetAssetsRequest(asset_ids=asset_ids))).assets)

    async def read(self, address: str, **changes: object) -> tuple[str, bytes]:
        split = urlsplit(address)
        query = parse_qs(split.query)
        facts: dict[str, Any] = {
            "key": split.path.removeprefix("/media/objects/"),
            "expires": int(query["expires"][0]),
            "signature": query["signature"][0],
        }
        answers = [answer async for answer in self.stub.ReadObject(pb.ReadObjectRequest(**facts | changes))]
        data = b"".join(answer.chunk for answer in answers)
        assert answers[0].size_bytes == len(data)
        return answers[0].content_type, data


def header_of(data: bytes) -> dict[str, object]:
    return {
        "asset_id": format_id("ast", new_id()),
        "user_id": format_id("usr", new_id()),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "generation_id": format_id("gen", new_id()),
        "tags": ["ai-generated", "studio-sketch"],
    }


@asynccontextmanager
async def running(settings: Settings):
    async with build(settings) as service:
        await service.start()
        try:
            address = next(part.address for part in service.parts if isinstance(part, RpcServer))
            assert await service.ready() == {"postgres": "ok"}
            async with open_channel(address, default_deadline_s=20) as channel:
                yield Client(pb_grpc.AssetsServiceStub(channel))
        finally:
            await service.stop()


@pytest.fixture(scope="module")
async def settings(make_database, tmp_path_factory):
    database = await make_database("media")
    return Settings(
        database_url=database.url,
        grpc_address="127.0.0.1:0",
        blobs_url=f"file://{tmp_path_factory.mktemp('objects')}",
        signing_key=Secret("key of a test"),
    )


@pytest.fixture(scope="module")
async def client(settings):
    async with running(settings) as opened:
        yield opened


@pytest.mark.parametrize("name", media_images.PHOTOGRAPHS)
async def test_a_photograph_is_stored_byte_for_byte_and_read_through_its_url(client, name):
    data = media_images.photograph(name)
    stored = await client.store(data)
    assert [rendition.kind for rendition in stored.renditions] == [
        pb.RENDITION_KIND_ORIGINAL,
        pb.RENDITION_KIND_THUMBNAIL,
        pb.RENDITION_KIND_PREVIEW,
    ]
    for rendition in stored.renditions:
        content_type, found = await client.read(rendition.url)
        assert (content_type, len(found)) == (rendition.content_type, rendition.size_bytes)
    assert (await client.read(stored.renditions[0].url))[1] == data
    assert timedelta(hours=1) <= stored.url_expire_time.ToDatetime(UTC) - datetime.now(UTC) <= timedelta(hours=2)
    assert await client.get(stored.id) == [stored]


async def test_storing_again_returns_the_same_asset_and_other_bytes_are_a_conflict(client):
    data = media_images.photograph("text.png")
    stored = await client.store(data)
    again = {"asset_id": stored.id, "user_id": stored.user_id}
    assert await client.store(data, **again) == stored
    with pytest.raises(Conflict) as error:
        await client.store(media_images.photograph("page.png"), **again)
    assert error.value.code == "ASSET_CONFLICT"
    with pytest.raises(Conflict):
        await client.store(data, asset_id=stored.id)


async def test_concurrent_uploads_are_all_stored(client):
    counted = STORED_IMAGES._value.get()
    data = media_images.photograph("text.png")
    stored = await asyncio.gather(*(client.store(data) for _ in range(20)))
    found = await client.get(*(asset.id for asset in reversed(stored)))
    assert found == list(reversed(stored))
    assert STORED_IMAGES._value.get() == counted + 20


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"asset_id": ""}, "ASSET_INVALID"),
        ({"asset_id": "img_" + "0" * 32}, "ASSET_INVALID"),
        ({"user_id": "usr_1"}, "ASSET_INVALID"),
        ({"generation_id": "x"}, "ASSET_INVALID"),
        ({"sha256": "0" * 64}, "CONTENT_MISMATCH"),
        ({"sha256": "x"}, "ASSET_INVALID"),
        ({"size_bytes": 0}, "ASSET_INVALID"),
        ({"size_bytes": 10}, "CONTENT_MISMATCH"),
        ({"size_bytes": 10_000_000}, "CONTENT_MISMATCH"),
        ({"size_bytes": 52_428_801}, "IMAGE_TOO_LARGE"),
        ({"tags": ["x" * 65]}, "ASSET_INVALID"),
        ({"chunk_bytes": CHUNK + 1}, "ASSET_INVALID"),
    ],
    ids=str,
)
async def test_metadata_that_does_not_match_the_bytes_is_refused(client, changes, reason):
    with pytest.raises(Invalid) as error:
        await client.store(media_images.photograph("astronaut.png"), **changes)
    assert error.value.code == reason


async def test_messages_out_of_order_are_refused(client):
    header = pb.StoreAssetRequest(header=pb.StoreAssetHeader(**header_of(b"one")))  # type: ignore[arg-type]
    chunk = pb.StoreAssetRequest(chunk=b"one")
    for requests in ([], [chunk], [chunk, header], [header, header], [header, pb.StoreAssetRequest()]):
        with pytest.raises(Invalid) as error:
            await client.stub.StoreAsset(iter(requests))
        assert error.value.code == "ASSET_INVALID"


@pytest.mark.parametrize("name", media_images.not_images())
async def test_other_kinds_of_file_are_refused_by_content(client, name):
    data = media_images.not_images()[name] or b"\0"
    with pytest.raises(Invalid) as error:
        await client.store(data)
    assert error.value.code == "UNSUPPORTED_IMAGE"


async def test_a_truncated_image_is_refused_and_not_stored(client):
    header = {"asset_id": format_id("ast", new_id())}
    with pytest.raises(Invalid) as error:
        await client.store(media_images.photograph("rocket.jpg")[:20_000], **header)
    assert error.value.code == "BROKEN_IMAGE"
    assert await client.get(header["asset_id"]) == []


async def test_ids_are_checked_and_counted_before_the_look_up(client):
    for asset_ids in (["x"], [f"ast_{'0' * 32}"] * 501):
        with pytest.raises(Invalid):
            await client.get(*asset_ids)
    assert await client.get() == []


async def test_an_altered_url_is_forbidden(client):
    stored = await client.store(media_images.photograph("text.png"))
    address = stored.renditions[0].url
    other = f"images/original/{new_id().hex}.png"
    for changes in ({"key": other}, {"key": "../../etc/passwd"}, {"expires": 2**40}, {"signature": "x"}):
        with pytest.raises(Forbidden) as error:
            await client.read(address, **changes)
        assert error.value.code == "ADDRESS_INVALID"


async def test_assets_survive_a_restart(client, settings):
    stored = await client.store(media_images.photograph("coffee.png"))
    async with running(settings) as restarted:
        assert await restarted.get(stored.id) == [stored]
        assert (await restarted.read(stored.renditions[1].url))[0] == "image/webp"


async def test_an_upload_that_takes_too_long_is_ended(settings):
    async with running(replace(settings, upload_timeout_s=0.1)) as client:
        never = asyncio.Event()

        async def trickle():
            yield pb.StoreAssetRequest(header=pb.StoreAssetHeader(**header_of(b"one")))  # type: ignore[arg-type]
            await never.wait()

        with pytest.raises(DeadlineExceeded):
            await client.stub.StoreAsset(trickle())


async def test_the_relay_role_removes_leftovers_and_measures_stored_bytes(make_database, tmp_path, wait_until):
    database = await make_database("media")
    settings = Settings(
        database_url=database.url,
        grpc_address="127.0.0.1:0",
        blobs_url=f"file://{tmp_path}",
        signing_key=Secret("key"),
        upload_timeout_s=30,
        sweep_every_s=0.05,
        usage_every_s=0.05,
    )
    store = DirectoryBlobs(Path(tmp_path), b"key")
    orphan = f"images/original/{new_id().hex}.png"
    await store.put(orphan, b"left", content_type="image/png", sha256=hashlib.sha256(b"left").hexdigest())
    async with running(settings) as client:
        stored = await client.store(media_images.photograph("text.png"))
        total = sum(rendition.size_bytes for rendition in stored.renditions)
        await wait_until(lambda: STORAGE_USAGE["image"]._value.get() == total)
        old = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
        for path in tmp_path.rglob("*.*"):
            os.utime(path, (old, old))
        await wait_until(lambda: not (tmp_path / "objects" / orphan).exists())
        assert [(await client.read(rendition.url))[0] for rendition in stored.renditions]
    async with await psycopg.AsyncConnection.connect(database.admin_url) as connection:
        states = await connection.execute("SELECT state FROM media.assets")
        assert await states.fetchall() == [("stored",)]


@pytest.mark.real
async def test_on_s3_clients_read_from_the_store_itself(make_database, s3):
    database = await make_database("media")
    blobs = S3Blobs(s3.bucket, s3.endpoint_url, access_key=s3.access_key, secret_key=s3.secret_key)
    await blobs.ensure_bucket()
    settings = Settings(
        database_url=database.url,
        grpc_address="127.0.0.1:0",
        blobs_url=f"s3://{s3.bucket}?endpoint={s3.endpoint_url}",
        blobs_access_key=Secret(s3.access_key),
        blobs_secret_key=Secret(s3.secret_key),
    )
    async with running(settings) as client:
        data = media_images.photograph("rocket.jpg")
        stored = await client.store(data)
        assert await asyncio.to_thread(fetch, stored.renditions[0].url) == ("image/jpeg", data)
        assert await client.store(data, asset_id=stored.id, user_id=stored.user_id) == stored
        with pytest.raises(FailedPrecondition):
            await client.stub.ReadObject(pb.ReadObjectRequest(key="a")).read()
    await blobs.close()


def fetch(address: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(address, timeout=5) as answer:
        return answer.headers["Content-Type"], answer.read()
