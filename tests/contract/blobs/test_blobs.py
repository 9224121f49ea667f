"""Contract of the object stores: in memory, directory and S3."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pixel_blobs import BlobConflict, BlobCorrupt, BlobNotFound, Blobs, BlobStat, DirectoryBlobs, S3Blobs
from pixel_errors import Invalid, NotFound
from pixel_media.application.ports import Objects, StoredObject

from tests.fakes.media_blobs import FakeBlobs

CONTRACTS = {
    Blobs: (FakeBlobs, DirectoryBlobs, S3Blobs),
    Objects: (FakeBlobs, DirectoryBlobs, S3Blobs),
    StoredObject: (BlobStat,),
}

KEYS_REFUSED = (
    "", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/.", "a/.hidden", ".a", "A", "a b", "a\0b", "a\\b", "ä", "a\n",
    "a?b", "a%2e", "-a", "x" * 513,
)  # fmt: skip


def bucket_name() -> str:
    """A bucket for one test."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture(params=["fake", "embedded", pytest.param("real", marks=pytest.mark.real)])
def unopened(request, tmp_path) -> Blobs:
    if request.param == "fake":
        return FakeBlobs()
    if request.param == "embedded":
        return DirectoryBlobs(tmp_path / "store", b"key")
    server = request.getfixturevalue("s3")
    return S3Blobs(
        bucket_name(),
        server.endpoint_url,
        access_key=server.access_key,
        secret_key=server.secret_key,
    )


@pytest.fixture
async def blobs(unopened) -> AsyncIterator[Blobs]:
    if not isinstance(unopened, S3Blobs):
        yield unopened
        return
    await unopened.ensure_bucket()
    yield unopened
    await unopened.close()


async def put(blobs: Blobs, key: str, data: bytes, content_type: str = "image/png") -> None:
    await blobs.put(key, data, content_type=content_type, sha256=hashlib.sha256(data).hexdigest())


async def keys(blobs: Blobs, prefix: str) -> list[str]:
    return [found.key async for found in blobs.list(prefix)]


@pytest.mark.parametrize("data", [b"one", b"", os.urandom(3_000_000)], ids=["short", "empty", "3 MB"])
async def test_an_object_reads_back_as_it_was_put(blobs, data):
    before = datetime.now(UTC) - timedelta(seconds=2)
    await put(blobs, "images/original/a.png", data)
    assert await blobs.get("images/original/a.png") == data
    assert b"".join([piece async for piece in blobs.stream("images/original/a.png", 65_536)]) == data
    stat = await blobs.stat("images/original/a.png")
    assert (stat.key, stat.size_bytes, stat.content_type) == ("images/original/a.png", len(data), "image/png")
    assert stat.sha256 == hashlib.sha256(data).hexdigest()
    assert before <= stat.modified_at <= datetime.now(UTC) + timedelta(seconds=2)


async def test_a_stream_yields_chunks_of_the_requested_size(blobs):
    await put(blobs, "a", bytes(100_000))
    assert [len(piece) async for piece in blobs.stream("a", 65_536)] == [65_536, 34_464]


async def test_putting_the_same_bytes_again_succeeds(blobs):
    await put(blobs, "a/b.webp", b"one")
    await put(blobs, "a/b.webp", b"one")
    assert await blobs.get("a/b.webp") == b"one"


async def test_putting_other_bytes_under_a_used_key_is_a_conflict_and_changes_nothing(blobs):
    await put(blobs, "a/b.webp", b"one")
    with pytest.raises(BlobConflict):
        await put(blobs, "a/b.webp", b"two", "image/webp")
    assert await blobs.get("a/b.webp") == b"one"
    assert (await blobs.stat("a/b.webp")).content_type == "image/png"


async def test_of_concurrent_writers_one_wins_and_the_others_get_a_conflict(blobs):
    results = await asyncio.gather(
        *(put(blobs, "a", str(number % 4).encode() * 50_000) for number in range(12)), return_exceptions=True
    )
    won = await blobs.get("a")
    for number, result in enumerate(results):
        if str(number % 4).encode() * 50_000 == won:
            assert result is None
        else:
            assert isinstance(result, BlobConflict)
    assert (await blobs.stat("a")).sha256 == hashlib.sha256(won).hexdigest()


@pytest.mark.parametrize("sha256", ["0" * 64, "nothex", ""])
async def test_bytes_that_do_not_match_their_hash_are_refused_and_not_stored(blobs, sha256):
    with pytest.raises(BlobCorrupt):
        await blobs.put("a", b"one", content_type="text/plain", sha256=sha256)
    with pytest.raises(BlobNotFound):
        await blobs.get("a")


async def test_a_wrong_hash_is_refused_even_if_it_matches_the_stored_object(blobs):
    await put(blobs, "a", b"one")
    with pytest.raises(BlobCorrupt):
        await blobs.put("a", b"two", content_type="text/plain", sha256=hashlib.sha256(b"one").hexdigest())


async def test_a_missing_object_is_not_found(blobs):
    with pytest.raises(NotFound):
        await blobs.get("a/b")
    with pytest.raises(NotFound):
        await blobs.stat("a/b")
    with pytest.raises(NotFound):
        [piece async for piece in blobs.stream("a/b")]


async def test_the_folder_of_an_object_is_not_an_object(blobs):
    await put(blobs, "a/b/c", b"one")
    with pytest.raises(BlobNotFound):
        await blobs.get("a/b")
    with pytest.raises(BlobNotFound):
        await blobs.stat("a/b")


async def test_a_deleted_object_is_not_found_and_its_key_can_be_used_again(blobs):
    await put(blobs, "a", b"one")
    await blobs.delete("a")
    await blobs.delete("a")
    with pytest.raises(BlobNotFound):
        await blobs.stat("a")
    await put(blobs, "a", b"two", "image/webp")
    assert await blobs.get("a") == b"two"
    assert (await blobs.stat("a")).content_type == "image/webp"


async def test_a_listing_has_the_keys_below_a_prefix_in_order(blobs):
    for key in ("images/b", "images/a", "images/sub/c", "imagesque", "videos/d"):
        await put(blobs, key, key.encode())
    assert await keys(blobs, "images/") == ["images/a", "images/b", "images/sub/c"]
    assert await keys(blobs, "images/sub") == ["images/sub/c"]
    assert await keys(blobs, "") == ["images/a", "images/b", "images/sub/c", "imagesque", "videos/d"]
    assert await keys(blobs, "nothing/") == []
    assert [found.size_bytes async for found in blobs.list("videos/")] == [len("videos/d")]


@pytest.mark.parametrize("key", KEYS_REFUSED)
async def test_a_malformed_key_is_refused_everywhere(blobs, key):
    with pytest.raises(Invalid):
        await put(blobs, key, b"one")
    with pytest.raises(Invalid):
        await blobs.get(key)
    with pytest.raises(Invalid):
        await blobs.stat(key)
    with pytest.raises(Invalid):
        [piece async for piece in blobs.stream(key)]
    with pytest.raises(Invalid):
        await blobs.delete(key)
    with pytest.raises(Invalid):
        blobs.presign_get(key, expires_s=60, content_type="image/png")


@pytest.mark.parametrize("prefix", ["../", "/", "a/../", ".."])
async def test_a_malformed_prefix_is_refused(blobs, prefix):
    with pytest.raises(Invalid):
        await keys(blobs, prefix)


async def test_urls_signed_for_the_same_time_are_equal(blobs):
    signed_at = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)

    def sign(key, when, expires_s=7200):
        return blobs.presign_get(key, expires_s=expires_s, content_type="image/png", signed_at=when)

    assert sign("a", signed_at) == sign("a", signed_at)
    others = {sign("b", signed_at), sign("a", signed_at + timedelta(hours=1)), sign("a", signed_at, 60)}
    assert len(others | {sign("a", signed_at)}) == 4


@pytest.mark.parametrize("expires_s", [0, -1, 604_801])
async def test_a_signed_url_is_valid_for_one_second_to_seven_days(blobs, expires_s):
    with pytest.raises(ValueError, match="expires_s"):
        blobs.presign_get("a", expires_s=expires_s, content_type="image/png")


async def test_the_check_of_a_working_store_succeeds(blobs):
    await blobs.check()
