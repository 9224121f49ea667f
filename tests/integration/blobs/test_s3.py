"""The S3 store: URLs that clients read from the store, and an unreachable store."""

from __future__ import annotations

import hashlib
import secrets
import urllib.error
import urllib.request
from asyncio import to_thread
from datetime import UTC, datetime, timedelta

import pytest
from pixel_blobs import S3Blobs
from pixel_errors import NotFound, Unavailable

pytestmark = pytest.mark.real


@pytest.fixture
async def blobs(s3):
    opened = S3Blobs(
        f"test-{secrets.token_hex(6)}", s3.endpoint_url, access_key=s3.access_key, secret_key=s3.secret_key
    )
    await opened.ensure_bucket()
    yield opened
    await opened.close()


async def put(blobs, key, data):
    await blobs.put(key, data, content_type="image/png", sha256=hashlib.sha256(data).hexdigest())


def fetch(address: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", b""


async def test_anyone_can_read_a_signed_url(blobs):
    await put(blobs, "images/a.png", b"one")
    for signed_at in (None, datetime.now(UTC) - timedelta(minutes=50)):
        address = blobs.presign_get("images/a.png", expires_s=7200, content_type="image/webp", signed_at=signed_at)
        assert await to_thread(fetch, address) == (200, "image/webp", b"one")


async def test_an_altered_or_expired_url_is_refused_by_the_store(blobs):
    await put(blobs, "a", b"one")
    await put(blobs, "b", b"two")
    good = blobs.presign_get("a", expires_s=60, content_type="image/png")
    ended = blobs.presign_get(
        "a", expires_s=60, content_type="image/png", signed_at=datetime.now(UTC) - timedelta(seconds=90)
    )
    for address in (good.replace("/a?", "/b?"), good.replace("Expires=60", "Expires=6000"), good[:-1] + "x", ended):
        assert (await to_thread(fetch, address))[0] == 403


async def test_ensuring_the_bucket_is_idempotent(blobs):
    await blobs.ensure_bucket()
    await blobs.check()


async def test_a_missing_bucket_is_reported(s3):
    blobs = S3Blobs("nowhere", s3.endpoint_url, access_key=s3.access_key, secret_key=s3.secret_key)
    with pytest.raises(NotFound):
        await blobs.check()
    with pytest.raises(Unavailable) as error:
        await put(blobs, "a", b"one")
    assert error.value.code == "BUCKET_MISSING"
    await blobs.close()


async def test_an_unreachable_store_is_unavailable(free_port):
    blobs = S3Blobs("bucket", f"http://127.0.0.1:{free_port}", access_key="a", secret_key="b", timeout_s=1)
    with pytest.raises(Unavailable):
        await blobs.get("a")
    with pytest.raises(Unavailable):
        await put(blobs, "a", b"one")
    await blobs.close()
