"""Objects in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pixel_blobs import BlobConflict, BlobCorrupt, BlobNotFound, BlobStat
from pixel_blobs.blobs import CHUNK_BYTES, require_expiry, require_key, require_prefix


@dataclass
class StoredBytes:
    data: bytes
    content_type: str
    modified_at: datetime


class FakeBlobs:
    """An error in `failures` is raised by the next put of its key, before or after its effect."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.objects: dict[str, StoredBytes] = {}
        self.failures: dict[str, Exception] = {}
        self.fail_after_effect = False
        self._now = now

    async def put(self, key: str, data: bytes, *, content_type: str, sha256: str) -> None:
        require_key(key)
        if key in self.failures and not self.fail_after_effect:
            raise self.failures.pop(key)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BlobCorrupt
        found = self.objects.get(key)
        if found is not None and found.data != data:
            raise BlobConflict
        self.objects.setdefault(key, StoredBytes(data, content_type, self._now()))
        if key in self.failures:
            raise self.failures.pop(key)

    async def get(self, key: str) -> bytes:
        return self._find(key).data

    async def stream(self, key: str, chunk_bytes: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        data = self._find(key).data
        for at in range(0, len(data), chunk_bytes):
            yield data[at : at + chunk_bytes]

    async def stat(self, key: str) -> BlobStat:
        found = self._find(key)
        digest = hashlib.sha256(found.data).hexdigest()
        return BlobStat(key, len(found.data), digest, found.content_type, found.modified_at)

    async def delete(self, key: str) -> None:
        self.objects.pop(require_key(key), None)

    async def list(self, prefix: str) -> AsyncIterator[BlobStat]:
        require_prefix(prefix)
        for key, found in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield BlobStat(key, len(found.data), "", "", found.modified_at)

    def presign_get(self, key: str, *, expires_s: int, content_type: str, signed_at: datetime | None = None) -> str:
        since = signed_at or self._now()
        return (
            f"/fake/{require_key(key)}?type={content_type}&since={since.isoformat()}&life={require_expiry(expires_s)}"
        )

    async def check(self) -> None:
        """Memory is always available."""

    def _find(self, key: str) -> StoredBytes:
        try:
            return self.objects[require_key(key)]
        except KeyError:
            raise BlobNotFound from None
