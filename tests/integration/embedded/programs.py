"""A process that runs a server and reports it; the tests kill it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from pixel_embedded import run_kafka, run_postgres, run_redis, run_s3

TOOLS = Path(__file__).resolve().parents[3] / ".tools"


async def main(kind: str, data_dir: Path) -> None:
    servers: dict[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
        "postgres": lambda: run_postgres(data_dir),
        "redis": lambda: run_redis(data_dir),
        "s3": lambda: run_s3(data_dir, TOOLS / "versitygw"),
        "kafka": lambda: run_kafka(data_dir, TOOLS / "kafka"),
    }
    async with servers[kind]() as running:
        print(running.pid, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
