"""Opens an object store by its URL."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from pixel_blobs import DirectoryBlobs, S3Blobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_media.settings import Settings

_DEFAULT_REGION = "us-east-1"


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[DirectoryBlobs | S3Blobs]:
    """Open `file:` or `s3:` and close it; raise ValueError for anything else."""
    address = urlsplit(settings.blobs_url)
    if address.scheme == "file":
        key = settings.signing_key.reveal().encode() or secrets.token_bytes(32)
        yield DirectoryBlobs(Path(unquote(address.path)), key)
        return
    if address.scheme != "s3" or not address.netloc:
        raise ValueError("the object store must be file:///folder or s3://bucket?endpoint=…")
    query = {name: values[-1] for name, values in parse_qs(address.query).items()}
    blobs = S3Blobs(
        address.netloc,
        query.get("endpoint", ""),
        access_key=settings.blobs_access_key.reveal(),
        secret_key=settings.blobs_secret_key.reveal(),
        region=query.get("region", _DEFAULT_REGION),
        public_endpoint_url=settings.blobs_public_url,
    )
    try:
        yield blobs
    finally:
        await blobs.close()
