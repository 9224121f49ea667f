"""Objects as files of one directory, for a single machine.

`objects/<key>` holds the bytes, `facts/<key>.json` the hash and type, `incoming/` files being written. An object is
created by a hard link to a complete, synced file, so it exists whole or not at all and is never replaced. Its facts
are written after it; when a crash prevents that, they are computed again from the bytes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import hashlib
import hmac
import json
import mimetypes
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import uuid4

from pixel_errors import Forbidden, Unavailable

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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

ADDRESS_PREFIX = "/media/objects/"
_STALE_INCOMING_S = 3600.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DirectoryBlobs:
    """Objects under `root`; URLs are signed with HMAC-SHA256 and served by the caller of `verify`."""

    def __init__(self, root: Path, signing_key: bytes) -> None:
        if not signing_key:
            raise ValueError("a directory store needs a signing key")
        self._objects = root / "objects"
        self._facts = root / "facts"
        self._incoming = root / "incoming"
        self._signing_key = signing_key
        for folder in (self._objects, self._facts, self._incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._discard_stale_incoming()

    async def put(self, key: str, data: bytes, *, content_type: str, sha256: str) -> None:
        require_key(key)
        with timed("directory", "put"):
            await asyncio.to_thread(self._put, key, data, content_type, sha256)

    async def get(self, key: str) -> bytes:
        with timed("directory", "get"):
            return await asyncio.to_thread(self._read, require_key(key))

    async def stream(self, key: str, chunk_bytes: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        try:
            file = await asyncio.to_thread((self._objects / require_key(key)).open, "rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise BlobNotFound from error
        with file:
            while chunk := await asyncio.to_thread(file.read, chunk_bytes):
                yield chunk

    async def stat(self, key: str) -> BlobStat:
        with timed("directory", "stat"):
            return await asyncio.to_thread(self._stat, require_key(key))

    async def delete(self, key: str) -> None:
        with timed("directory", "delete"):
            await asyncio.to_thread(self._delete, require_key(key))

    async def list(self, prefix: str) -> AsyncIterator[BlobStat]:
        require_prefix(prefix)
        for stat in await asyncio.to_thread(self._listing, prefix):
            yield stat

    def presign_get(self, key: str, *, expires_s: int, content_type: str, signed_at: datetime | None = None) -> str:  # noqa: ARG002 - the type is served from the stored facts
        since = signed_at or datetime.now(UTC)
        expires = int(since.timestamp()) + require_expiry(expires_s)
        query = urlencode({"expires": expires, "signature": self._sign(require_key(key), expires)})
        return f"{ADDRESS_PREFIX}{key}?{query}"

    def verify(self, key: str, expires: int, signature: str) -> None:
        """Raise Forbidden unless this store signed these parameters and the URL has not expired (Unix seconds)."""
        if not hmac.compare_digest(self._sign(key, expires).encode(), signature.encode(errors="surrogatepass")):
            raise Forbidden("The address was altered.", reason="ADDRESS_INVALID")
        if time.time() >= expires:
            raise Forbidden("The address has ended; ask for a new one.", reason="ADDRESS_EXPIRED")

    async def check(self) -> None:
        try:
            await asyncio.to_thread(self._probe)
        except OSError as error:
            raise Unavailable("The object directory cannot be written.", reason="STORAGE_UNAVAILABLE") from error

    def _sign(self, key: str, expires: int) -> str:
        mac = hmac.digest(self._signing_key, f"GET\n{key}\n{expires}".encode(errors="surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def _put(self, key: str, data: bytes, content_type: str, sha256: str) -> None:
        if hashlib.sha256(data).digest() != require_sha256(sha256):
            raise BlobCorrupt
        target = self._objects / key
        try:
            is_new = self._link_once(target, data)
            if not is_new and hashlib.sha256(target.read_bytes()).hexdigest() != sha256:
                raise BlobConflict
            facts = json.dumps({"sha256": sha256, "content_type": content_type}).encode()
            self._link_once(self._facts / f"{key}.json", facts)
        except (IsADirectoryError, NotADirectoryError) as error:
            raise BlobConflict("Another key is a folder of this one.") from error
        except OSError as error:
            reason = "STORAGE_FULL" if error.errno in _FULL else "STORAGE_UNAVAILABLE"
            raise Unavailable("The object directory cannot be written.", reason=reason) from error

    def _link_once(self, target: Path, data: bytes) -> bool:
        """Create `target` with these bytes, durably; False when it exists already."""
        draft = self._incoming / uuid4().hex
        try:
            with draft.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._make_folder(target.parent)
            try:
                os.link(draft, target)
            except FileExistsError:
                if target.is_dir():
                    raise IsADirectoryError(str(target)) from None
                return False
            _sync_folder(target.parent)
            return True
        finally:
            draft.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            new.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(new.parent)

    def _read(self, key: str) -> bytes:
        try:
            return (self._objects / key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise BlobNotFound from error

    def _stat(self, key: str) -> BlobStat:
        path = self._objects / key
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BlobNotFound from error
        if not path.is_file():
            raise BlobNotFound
        sha256, content_type = self._facts_of(key)
        return BlobStat(key, found.st_size, sha256, content_type, datetime.fromtimestamp(found.st_mtime, UTC))

    def _facts_of(self, key: str) -> tuple[str, str]:
        try:
            facts = json.loads((self._facts / f"{key}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            guessed = mimetypes.guess_type(key, strict=False)[0] or "application/octet-stream"
            return hashlib.sha256(self._read(key)).hexdigest(), guessed
        return str(facts["sha256"]), str(facts["content_type"])

    def _delete(self, key: str) -> None:
        for path in (self._objects / key, self._facts / f"{key}.json"):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                path.unlink()

    def _listing(self, prefix: str) -> Sequence[BlobStat]:
        return sorted(self._walk(prefix), key=lambda found: found.key)

    def _walk(self, prefix: str) -> Iterator[BlobStat]:
        start = self._objects / prefix.rpartition("/")[0]
        for folder, _, names in os.walk(start):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self._objects).as_posix()
                # An object may be deleted during the walk.
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    if key.startswith(prefix):
                        yield BlobStat(key, found.st_size, "", "", datetime.fromtimestamp(found.st_mtime, UTC))

    def _discard_stale_incoming(self) -> None:
        """Remove temporary files of a killed process."""
        for draft in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - draft.stat().st_mtime > _STALE_INCOMING_S:
                    draft.unlink()

    def _probe(self) -> None:
        probe = self._incoming / uuid4().hex
        probe.touch()
        probe.unlink()


def _sync_folder(folder: Path) -> None:
    """Sync the folder, so that new names survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
