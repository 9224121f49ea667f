"""CPU of the gateway's HTTP layer for one request, here and in another checkout, in alternating rounds of one run.

`BENCH_BEFORE=/path/to/checkout python -m tests.load http_cpu`. Each checkout has a separate process with the whole
ASGI application on the fakes of its tests; requests are calls of the application, so that no socket is measured.
Without a checkout to compare with only the figures of this one are printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from tests.load.report import finish, line

ROUNDS = 15
REQUESTS = 500
BODY = json.dumps(
    {
        "prompt": "a lighthouse at dawn, ink and wash",
        "numberOfImages": 2,
        "aspectRatio": "16:9",
        "style": "ink",
        "seed": 7,
    }
).encode()
FIELDS = [(b"host", b"127.0.0.1:8080"), (b"accept", b"*/*"), (b"user-agent", b"bench"), (b"accept-encoding", b"gzip")]
JSON = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
TARGET = 1.2


class Requests:
    """The application of a checkout and the two requests that are measured."""

    def __init__(self, app: Any, backstage: Any, secret: str) -> None:
        self._app = app
        self._backstage = backstage
        self._fields = [*FIELDS, (b"authorization", f"Bearer {secret}".encode())]
        self._path = ""

    async def cpu_us(self, name: str, count: int) -> float:
        """Send this many; return the CPU of one."""
        one = self.submit if name == "POST" else self.view
        await one()
        began = time.process_time()
        for _ in range(count):
            await one()
        return (time.process_time() - began) / count * 1e6

    async def submit(self) -> None:
        body = await self._call("POST", "/api/generations", 202, [*self._fields, *JSON], BODY)
        self._path = f"/api/generations/{json.loads(body)['data']['id']}" if not self._path else self._path
        rows = self._backstage.generations  # clear the fake, which keeps all submissions
        for kept in (rows.submissions, rows.log):
            kept.clear()

    async def view(self) -> None:
        await self._call("GET", self._path, 200, self._fields)

    async def _call(
        self, method: str, path: str, status: int, fields: list[tuple[bytes, bytes]], body: bytes = b""
    ) -> bytes:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": fields,
            "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8080), "state": {},
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        if sent[0]["status"] != status:
            raise RuntimeError(f"{method} {path}: {sent}")
        content: bytes = sent[1]["body"]
        return content


async def requests() -> Requests:
    """Make the application of the checkout on the import path."""
    from pixel_events import BusHealth
    from pixel_gateway.adapters.inbound.http.app import create_app

    from tests.fakes.gateway import Backstage

    async def ready() -> dict[str, str]:
        return {}

    async def bus() -> BusHealth:
        return BusHealth(reachable=True)

    backstage: Any = Backstage()
    if hasattr(backstage.app, "ports"):  # before the use cases were one dataclass (ef419a6)
        from pixel_gateway.adapters.inbound.http.health import Health  # type: ignore[import-not-found]

        accounts, ensure = backstage.app, backstage.app.ensure_account
        from pixel_gateway.application.accounts import EnsureAccount  # type: ignore[attr-defined]
        from pixel_gateway.application.api_keys import CreateApiKey  # type: ignore[import-not-found]
    else:
        from pixel_gateway.adapters.inbound.http.api.operation.routes import Health
        from pixel_gateway.application.accounts.accounts import EnsureAccount
        from pixel_gateway.application.accounts.api_keys import CreateApiKey

        accounts, ensure = backstage.app.accounts, backstage.app.accounts.ensure
    account = await ensure(EnsureAccount("bench", first_credits=1))
    _, secret = await accounts.create_api_key(CreateApiKey(account.id, "bench"))
    made = Requests(create_app(backstage.app, Health(ready=ready, bus=bus)), backstage, secret)
    await made.submit()
    return made


async def answer() -> None:
    """Measure as each line of stdin requests, until it closes."""
    made = await requests()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while asked := await reader.readline():
        print(await made.cpu_us(asked.decode().strip(), REQUESTS), flush=True)


class Checkout:
    """The process of one checkout."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def start(self) -> None:
        sources = [str(each) for each in sorted(self._root.glob("*/*/src"))]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            f"import asyncio, runpy; module = runpy.run_path({__file__!r}); asyncio.run(module['answer']())",
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(self._root), *sources])},
            cwd=self._root,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def cpu_us(self, name: str) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{name}\n".encode())
        return float(await self._process.stdout.readline())

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def main() -> None:
    """Measure both checkouts in turn."""
    here = Path(__file__).parents[2]
    before = os.environ.get("BENCH_BEFORE", "")
    checkouts = {"after": Checkout(here)} | ({"before": Checkout(Path(before))} if before else {})
    for checkout in checkouts.values():
        await checkout.start()
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(ROUNDS):
        for request in ("POST", "GET"):
            for name in sorted(checkouts, reverse=bool(number % 2)):
                found.setdefault((request, name), []).append(await checkouts[name].cpu_us(request))
    for checkout in checkouts.values():
        await checkout.stop()
    cpu_us = {f"{request} {name}": statistics.median(values) for (request, name), values in found.items()}
    ratios = {}
    for request in ("POST", "GET"):
        after = found[request, "after"]
        if not before:
            print(
                f"{request}: {statistics.median(after):.1f} µs of CPU; BENCH_BEFORE names no checkout to compare with"
            )
            continue
        pairs = zip(after, found[request, "before"], strict=True)
        ratios[request] = statistics.median(now / then for now, then in pairs)
        line(
            f"{request} /api/generations", cpu_us[f"{request} after"], "before", cpu_us[f"{request} before"],
            ratio=ratios[request], target=f"≤ {TARGET}", unit=" µs",
        )  # fmt: skip
    finish("http_cpu", ratios, cpu_us)
