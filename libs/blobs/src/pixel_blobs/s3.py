"""Objects in an S3 bucket, through boto3 in a bounded thread pool."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pixel_errors import Internal, PixelError, Unavailable
from pixel_telemetry import span

from pixel_blobs.blobs import (
    CHUNK_BYTES,
    BlobConflict,
    BlobCorrupt,
    BlobNotFound,
    BlobStat,
    require_expiry,
    require_key,
    require_prefix,
    require_sha256,
)
from pixel_blobs.metrics import timed
from pixel_blobs.sigv4 import Signer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef, ListObjectsV2OutputTypeDef

T = TypeVar("T")

_KINDS: Mapping[str, Callable[[], PixelError]] = {
    **dict.fromkeys(("404", "NoSuchKey", "NotFound"), BlobNotFound),
    **dict.fromkeys(("412", "PreconditionFailed", "ConditionalRequestConflict"), BlobConflict),
    # A store over a file system cannot keep both `a` and `a/b`.
    **dict.fromkeys(("ObjectParentIsFile", "ExistingObjectIsDirectory"), BlobConflict),
    "BucketAlreadyOwnedByYou": BlobConflict,
    **dict.fromkeys(("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"), BlobCorrupt),
    "NoSuchBucket": partial(Unavailable, "The bucket is missing.", reason="BUCKET_MISSING"),
    **dict.fromkeys(
        ("InsufficientStorage", "QuotaExceeded"),
        partial(Unavailable, "The object store is full.", reason="STORAGE_FULL"),
    ),
}
"""S3 error codes as our errors; other codes are mapped by their HTTP status."""
_SERVER_ERROR = 500
_TOO_MANY = 429


class S3Blobs:
    """Objects of one bucket. `public_endpoint_url` is the endpoint for clients, when it differs."""

    def __init__(
        self,
        bucket: str,
        endpoint_url: str,
        *,
        access_key: str,
        secret_key: str,
        region: str = "us-east-1",
        public_endpoint_url: str = "",
        max_threads: int = 8,
        timeout_s: float = 10.0,
    ) -> None:
        self._bucket = bucket
        self._client = _open_client(
            endpoint_url, access_key, secret_key, region=region, max_threads=max_threads, timeout_s=timeout_s
        )
        self._threads = ThreadPoolExecutor(max_threads, thread_name_prefix="s3")
        public = public_endpoint_url or self._client.meta.endpoint_url
        self._signer = Signer(public, bucket, region, access_key, secret_key)

    async def ensure_bucket(self) -> None:
        """Create the bucket when it is missing."""
        try:
            await self.check()
        except BlobNotFound:
            with contextlib.suppress(BlobConflict):
                await self._call("create_bucket", partial(self._client.create_bucket, Bucket=self._bucket))

    async def put(self, key: str, data: bytes, *, content_type: str, sha256: str) -> None:
        require_key(key)
        checksum = base64.b64encode(require_sha256(sha256)).decode()
        put = partial(
            self._client.put_object,
            Bucket=self._bucket,
            Key=key,
            Body=data,
            ContentType=content_type,
            ChecksumSHA256=checksum,
            Metadata={"sha256": sha256},
            IfNoneMatch="*",
        )
        try:
            await self._call("put", put)
        except BlobConflict:
            # A repeated put, or a retry whose first response was lost, finds its own bytes under the key.
            await asyncio.to_thread(_require_digest, data, sha256)
            if await self._stored_sha256(key) != sha256:
                raise

    async def _stored_sha256(self, key: str) -> str:
        try:
            return (await self.stat(key)).sha256
        except BlobNotFound as error:
            raise Unavailable("The object is being written by another call.", reason="STORAGE_BUSY") from error

    async def get(self, key: str) -> bytes:
        return await self._call("get", partial(self._read, require_key(key)))

    async def stream(self, key: str, chunk_bytes: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        get = partial(self._client.get_object, Bucket=self._bucket, Key=require_key(key))
        body = (await self._call("stream", get))["Body"]
        with contextlib.closing(body):
            while chunk := await self._call("stream", partial(body.read, chunk_bytes)):
                yield chunk

    async def stat(self, key: str) -> BlobStat:
        head = partial(self._client.head_object, Bucket=self._bucket, Key=require_key(key), ChecksumMode="ENABLED")
        found = await self._call("stat", head)
        return BlobStat(
            key, found["ContentLength"], _sha256_of(found), found.get("ContentType", ""), found["LastModified"]
        )

    async def delete(self, key: str) -> None:
        with contextlib.suppress(BlobNotFound):
            await self._call("delete", partial(self._client.delete_object, Bucket=self._bucket, Key=require_key(key)))

    async def list(self, prefix: str) -> AsyncIterator[BlobStat]:
        page_of = partial(self._client.list_objects_v2, Bucket=self._bucket, Prefix=require_prefix(prefix))
        page: ListObjectsV2OutputTypeDef = await self._call("list", page_of)
        while True:
            for found in page.get("Contents", []):
                yield BlobStat(found["Key"], found["Size"], "", "", found["LastModified"])
            token = page.get("NextContinuationToken", "")
            if not token:
                return
            page = await self._call("list", partial(page_of, ContinuationToken=token))

    def presign_get(self, key: str, *, expires_s: int, content_type: str, signed_at: datetime | None = None) -> str:
        return self._signer.presign_get(
            require_key(key),
            expires_s=require_expiry(expires_s),
            content_type=content_type,
            signed_at=(signed_at or datetime.now(UTC)).astimezone(UTC),
        )

    async def check(self) -> None:
        await self._call("check", partial(self._client.head_bucket, Bucket=self._bucket))

    async def close(self) -> None:
        """Wait for calls in progress and close the connections; idempotent."""
        await asyncio.to_thread(self._threads.shutdown)
        self._client.close()

    def _read(self, key: str) -> bytes:
        return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    async def _call(self, operation: str, call: Callable[[], T]) -> T:
        """Run a blocking call in the pool and translate its errors."""
        with timed("s3", operation), span(f"s3 {operation}", kind="client"), _kinds():
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)


@contextlib.contextmanager
def _kinds() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _kind_of(str(error.response["Error"].get("Code", "")), _status_of(error.response)) from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise Unavailable("The object store does not answer.", reason="STORAGE_UNAVAILABLE") from error


def _kind_of(code: str, status: int) -> PixelError:
    kind = _KINDS.get(code)
    if kind is not None:
        return kind()
    if status >= _SERVER_ERROR or status == _TOO_MANY:
        return Unavailable("The object store does not answer.", reason="STORAGE_UNAVAILABLE")
    return Internal(f"The object store refused the call: {code}.", reason="STORAGE_REFUSED")


def _status_of(response: object) -> int:
    facts = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    return int(facts.get("HTTPStatusCode", 0))


def _sha256_of(head: HeadObjectOutputTypeDef) -> str:
    """Return the store's own checksum; stores without checksums return the one given at the put."""
    checksum = head.get("ChecksumSHA256", "")
    return base64.b64decode(checksum).hex() if checksum else head.get("Metadata", {}).get("sha256", "")


def _require_digest(data: bytes, sha256: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BlobCorrupt


def _open_client(
    endpoint_url: str, access_key: str, secret_key: str, *, region: str, max_threads: int, timeout_s: float
) -> S3Client:
    # Importing the SDK costs 0.3 s and 30 MB: processes on a directory store do not import it.
    import boto3
    from botocore.config import Config

    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "max_attempts": 3},
        connect_timeout=min(timeout_s, 3.0),
        read_timeout=timeout_s,
        max_pool_connections=max_threads,
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url or None,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        config=config,
    )
