"""The directory store: signs and verifies URLs, keeps complete files, repairs the state after a crash."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pixel_blobs import BlobConflict, DirectoryBlobs
from pixel_errors import Forbidden, Unavailable


@pytest.fixture
def blobs(tmp_path):
    return DirectoryBlobs(tmp_path, b"key")


async def put(blobs, key, data):
    await blobs.put(key, data, content_type="image/png", sha256=hashlib.sha256(data).hexdigest())


def parts_of(address):
    split = urlsplit(address)
    query = parse_qs(split.query)
    return split.path.removeprefix("/media/objects/"), int(query["expires"][0]), query["signature"][0]


def test_a_signed_url_is_relative_and_verifies(blobs):
    address = blobs.presign_get("images/a.png", expires_s=60, content_type="image/png")
    key, expires, signature = parts_of(address)
    assert address.startswith("/media/objects/images/a.png?")
    assert abs(expires - time.time() - 60) < 5
    blobs.verify(key, expires, signature)


def test_a_signed_url_expires(blobs):
    signed_at = datetime.now(UTC) - timedelta(seconds=61)
    address = blobs.presign_get("a", expires_s=60, content_type="image/png", signed_at=signed_at)
    with pytest.raises(Forbidden) as ended:
        blobs.verify(*parts_of(address))
    assert ended.value.code == "ADDRESS_EXPIRED"


def test_an_altered_url_is_refused(blobs, tmp_path):
    key, expires, signature = parts_of(blobs.presign_get("a", expires_s=60, content_type="image/png"))
    for altered in (
        ("b", expires, signature),
        ("../a", expires, signature),
        (key, expires + 1, signature),
        (key, expires, signature[:-1]),
        (key, expires, ""),
        (key, expires, "ä\udcff"),
        (f"{key}\n{expires}", expires, signature),
    ):
        with pytest.raises(Forbidden) as refused:
            blobs.verify(*altered)
        assert refused.value.code == "ADDRESS_INVALID"
    with pytest.raises(Forbidden):
        DirectoryBlobs(tmp_path, b"another").verify(key, expires, signature)


def test_a_store_without_a_signing_key_does_not_open(tmp_path):
    with pytest.raises(ValueError, match="signing key"):
        DirectoryBlobs(tmp_path, b"")


async def test_urls_and_objects_survive_a_restart(blobs, tmp_path):
    await put(blobs, "a", b"one")
    address = blobs.presign_get("a", expires_s=60, content_type="image/png")
    reopened = DirectoryBlobs(tmp_path, b"key")
    reopened.verify(*parts_of(address))
    assert await reopened.get("a") == b"one"


async def test_metadata_lost_in_a_crash_is_computed_again(blobs, tmp_path):
    await put(blobs, "a/b.webp", b"one")
    (tmp_path / "facts/a/b.webp.json").unlink()
    stat = await blobs.stat("a/b.webp")
    assert (stat.sha256, stat.content_type) == (hashlib.sha256(b"one").hexdigest(), "image/webp")
    await put(blobs, "a/b.webp", b"one")
    assert (tmp_path / "facts/a/b.webp.json").exists()


async def test_a_key_below_an_object_is_a_conflict(blobs):
    await put(blobs, "a", b"one")
    with pytest.raises(BlobConflict):
        await put(blobs, "a/b", b"two")
    await put(blobs, "c/d", b"one")
    with pytest.raises(BlobConflict):
        await put(blobs, "c", b"two")


async def test_no_temporary_file_is_left(blobs, tmp_path):
    await put(blobs, "a", b"one")
    await put(blobs, "a", b"one")
    with pytest.raises(BlobConflict):
        await put(blobs, "a", b"two")
    await blobs.check()
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_temporary_files_of_a_killed_process_are_removed_after_an_hour(blobs, tmp_path):
    for name, age_s in (("old", 4000), ("young", 60)):
        draft = tmp_path / "incoming" / name
        draft.write_bytes(b"half")
        os.utime(draft, (time.time() - age_s,) * 2)
    DirectoryBlobs(tmp_path, b"key")
    assert [draft.name for draft in (tmp_path / "incoming").iterdir()] == ["young"]


async def test_a_full_disk_has_its_own_reason_and_leaves_nothing(blobs, tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable) as error:
        await put(blobs, "a", b"one")
    assert error.value.code == "STORAGE_FULL"
    monkeypatch.undo()
    assert [found async for found in blobs.list("")] == []
    await put(blobs, "a", b"one")
    assert await blobs.get("a") == b"one"


async def test_files_are_readable_by_the_owner_only(blobs, tmp_path):
    await put(blobs, "a/b", b"one")
    assert (tmp_path / "objects/a").stat().st_mode & 0o077 == 0
