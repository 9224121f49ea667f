"""An S3 server over a directory: versitygw with its posix backend."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pixel_embedded.child import Child, StartFailedError
from pixel_embedded.data_dir import claim, is_listening, recall_port, recall_secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_START_WITHIN_S = 20.0
_ACCESS_KEY = "pixel"


@dataclass(frozen=True)
class S3Server:
    """A running server with the keys of its root account."""

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    pid: int


@asynccontextmanager
async def run_s3(data_dir: Path, binary: Path) -> AsyncIterator[S3Server]:
    """Run the server until the block ends; objects are files under `data_dir/objects`.

    The file system must support extended attributes: they hold types and checksums. Raises InUseError or
    StartFailedError.
    """
    with claim(data_dir) as home:
        objects = home / "objects"
        program = await asyncio.to_thread(_prepare, binary, objects)
        secret_key = recall_secret(home.parent / "secrets" / f"{home.name}-secret-key")
        port = recall_port(home)
        child = Child(
            name="S3 server",
            command=[str(program), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(objects)],
            log=home / "versitygw.log",
            cwd=home,
            env={**os.environ, "ROOT_ACCESS_KEY": _ACCESS_KEY, "ROOT_SECRET_KEY": secret_key},
        )
        try:
            await child.start()
            await child.wait_ready(lambda: is_listening(port), within_s=_START_WITHIN_S)
            yield S3Server(f"http://127.0.0.1:{port}", _ACCESS_KEY, secret_key, child.pid)
        finally:
            await asyncio.shield(child.stop())


def _prepare(binary: Path, objects: Path) -> Path:
    objects.mkdir(exist_ok=True)
    if not binary.exists():
        raise StartFailedError(f"{binary} is missing: fetch it with `make parts`")
    try:
        os.setxattr(objects, "user.pixel.probe", b"1")
        os.removexattr(objects, "user.pixel.probe")
    except (AttributeError, OSError) as error:
        raise StartFailedError(f"the file system under {objects} keeps no extended attributes ({error})") from error
    return binary.absolute()
