"""Live progress to many clients: gateway compared with a bare asyncio server that writes the same frames.

Each server is a separate process that publishes a number of events per second; a client process reads them.
CPU and memory are the server's alone. `sse` and `websocket` watch one job together, `spread` one job each.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pixel_events import BusHealth
from pixel_gateway.adapters.inbound.http.api.operation.routes import Health
from pixel_gateway.adapters.inbound.http.app import create_app
from pixel_gateway.adapters.inbound.http.live.encoding import sse_frame
from pixel_gateway.adapters.inbound.http.live.stream_limits import StreamLimits
from pixel_gateway.adapters.inbound.http.server.uvicorn_server import HttpServer
from pixel_gateway.application.accounts.accounts import EnsureAccount
from pixel_gateway.application.accounts.api_keys import CreateApiKey
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.application.live.hub import Update, UpdateKind
from pixel_gateway.domain.generation import Progress, Spec, Status

from tests.fakes.gateway import Backstage
from tests.load.report import Meter, Sample, finish, line, median_cpu, percentile, shuffled

SIZES = (1_000, 4_000)
EVENTS = int(os.environ.get("FANOUT_EVENTS", "20"))
EVERY_S = float(os.environ.get("FANOUT_EVERY_S", "0.5"))
CPU_LIMIT = {"sse": 2.0, "websocket": 2.5, "spread": 2.0}
CONNECTION_KIB = 25


class Product:
    """The gateway's HTTP application on a store in memory."""

    def __init__(self) -> None:
        self.backstage = Backstage()
        self.server: HttpServer | None = None
        self.jobs: list[str] = []

    async def open(self, jobs: int) -> dict[str, Any]:
        app = self.backstage.app
        user = await app.accounts.ensure(EnsureAccount("load", first_credits=1))
        _, secret = await app.accounts.create_api_key(CreateApiKey(user.id, "load"))
        for _ in range(jobs):
            accepted = await self.backstage.generations.submit(Submission(user.id, Spec("a lighthouse"), "", "load"))
            self.jobs.append(accepted.generation.id)

        async def ready() -> dict[str, str]:
            return {}

        async def bus() -> BusHealth:
            return BusHealth(reachable=True)

        streams = StreamLimits(in_all=20_000, per_user=20_000)
        http = create_app(app, Health(ready=ready, bus=bus), stream_limits=streams)
        self.server = HttpServer(http, "127.0.0.1:0", on_stop=app.live.close_streams, max_connections=20_000)
        await self.server.start()
        return {"address": self.server.address, "secret": secret, "jobs": self.jobs}

    def publish(self, number: int) -> None:
        for job in self.jobs:
            event = self.backstage.generations.advance(job, Status.PROCESSING, number % 100, _stamp())
            self.backstage.app.live.publish(event)


class Bare:
    """A bare server: keeps the writers, encodes an event once, writes it to each."""

    def __init__(self) -> None:
        self.writers: dict[str, list[asyncio.StreamWriter]] = {}
        self.backstage = Backstage()
        self.jobs: list[str] = []
        self.server: asyncio.Server | None = None

    async def open(self, jobs: int) -> dict[str, Any]:
        for _ in range(jobs):
            accepted = await self.backstage.generations.submit(Submission("usr_1", Spec("a lighthouse"), "", "load"))
            self.jobs.append(accepted.generation.id)
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048)
        port = self.server.sockets[0].getsockname()[1]
        return {"address": f"127.0.0.1:{port}", "secret": "", "jobs": self.jobs}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        job = next(part for part in head.decode().split(" ", 2)[1].split("/") if part.startswith("gen_"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        snapshot = sse_frame(Update(UpdateKind.SNAPSHOT, self.backstage.generations.rows[job].as_progress()))
        writer.write(_chunked(snapshot))
        self.writers.setdefault(job, []).append(writer)
        with suppress(ConnectionError):
            await reader.read()

    def publish(self, number: int) -> None:
        for job in self.jobs:
            event: Progress = self.backstage.generations.advance(job, Status.PROCESSING, number % 100, _stamp())
            chunk = _chunked(sse_frame(Update(UpdateKind.EVENT, event)))
            for writer in self.writers.get(job, ()):
                writer.write(chunk)


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


def _stamp() -> str:
    return f"at {time.monotonic_ns()} ."


def _resident_kib() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize() // 1024


async def serve(kind: str, jobs: int) -> None:
    """Answer commands on stdin, one JSON object a line: `memory`, `publish`, `cpu`; end with stdin."""
    server: Product | Bare = Product() if kind == "product" else Bare()
    print(json.dumps(await server.open(jobs)), flush=True)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while command := (await reader.readline()).decode().strip():
        if command == "publish":
            for number in range(EVENTS):
                pause = asyncio.ensure_future(asyncio.sleep(EVERY_S))
                server.publish(number)
                await pause
        print(json.dumps({"kib": _resident_kib()}), flush=True)
    os._exit(0)  # thousands of connections are not worth a graceful end


class Watchers(asyncio.Protocol):
    """One watcher: sends its request and counts the events that arrive, with their age."""

    def __init__(self, request: bytes, seen: list[float], arrived: asyncio.Semaphore) -> None:
        self._request = request
        self._seen = seen
        self._arrived = arrived
        self._is_open = False

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        start = data.find(b'"at ')
        while start >= 0:
            end = data.index(b" ", start + 4)
            self._seen.append((now - int(data[start + 4 : end])) / 1e6)
            start = data.find(b'"at ', end)
        if not self._is_open and b"snapshot" in data:
            self._is_open = True
            self._arrived.release()


def _request(transport: str, told: dict[str, Any], job: str) -> bytes:
    head = f"Host: {told['address']}\r\nAuthorization: Bearer {told['secret']}\r\n"
    if transport != "websocket":
        return f"GET /api/generations/{job}/events HTTP/1.1\r\n{head}\r\n".encode()
    key = base64.b64encode(struct.pack("!QQ", 1, 2)).decode()
    upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    return f"GET /api/processing/{job}/status HTTP/1.1\r\n{head}{upgrade}\r\n".encode()


async def measured(kind: str, transport: str, watchers: int, found: dict[str, dict[str, float]]) -> Sample:
    """Return the server's CPU for EVENTS events to this many watchers; record memory and age of the received events."""
    jobs = watchers if transport == "spread" else 1
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.load.fanout", kind, str(jobs),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    told = json.loads(await server.stdout.readline())

    async def ask(command: str) -> dict[str, int]:
        server.stdin.write(command.encode() + b"\n")  # type: ignore[union-attr]
        answer: dict[str, int] = json.loads(await server.stdout.readline())  # type: ignore[union-attr]
        return answer

    seen: list[float] = []
    arrived = asyncio.Semaphore(0)
    host, _, port = told["address"].rpartition(":")
    before = (await ask("memory"))["kib"]
    transports = []
    for number in range(watchers):
        request = _request(transport, told, told["jobs"][number % jobs])
        opened, _ = await asyncio.get_running_loop().create_connection(
            partial(Watchers, request, seen, arrived), host, int(port)
        )
        transports.append(opened)
        if number % 100 == 99:
            for _ in range(100):
                await arrived.acquire()
    held = (await ask("memory"))["kib"]
    meter = ServerMeter(server.pid)
    meter.start()
    await ask("publish")
    async with asyncio.timeout(60):
        while len(seen) < watchers * EVENTS:
            await asyncio.sleep(0.02)
    sample = meter.stop(watchers * EVENTS)
    for opened in transports:
        opened.abort()
    server.stdin.close()
    await server.wait()
    key = f"{kind} {transport} {watchers}"
    found.setdefault(key, {})
    found[key] = {"kib": (held - before) / watchers, "p50_ms": percentile(seen, 0.5), "p99_ms": percentile(seen, 0.99)}
    return sample


class ServerMeter(Meter):
    """CPU of the server alone: this process is the clients."""

    def __init__(self, pid: int) -> None:
        super().__init__((pid,))

    def stop(self, operations: int) -> Sample:
        after = self._cpu()
        wall = time.perf_counter() - self._wall
        return Sample(operations, wall, sum(now - self._before.get(pid, 0.0) for pid, now in after.items()))


async def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65_536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    found: dict[str, dict[str, float]] = {}
    contestants: dict[str, Callable[[], Awaitable[Sample]]] = {}
    wanted = [int(size) for size in os.environ.get("FANOUT_SIZES", "").split(",") if size] or SIZES
    for size in wanted:
        for kind, transport in (
            ("bare", "sse"), ("product", "sse"), ("product", "websocket"), ("bare", "spread"), ("product", "spread"),
        ):  # fmt: skip
            contestants[f"{kind} {transport} {size}"] = lambda kind=kind, transport=transport, size=size: measured(  # type: ignore[misc]
                kind, transport, size, found
            )
    samples = await shuffled(contestants, rounds=int(os.environ.get("FANOUT_ROUNDS", "3")))
    cpu = {name: median_cpu(each) for name, each in samples.items()}
    ratios = {}
    for size in wanted:
        for transport in ("sse", "websocket", "spread"):
            ours, theirs = f"product {transport} {size}", f"bare {'spread' if transport == 'spread' else 'sse'} {size}"
            ratios[f"{transport} {size}"] = cpu[ours] / cpu[theirs]
            line(
                ours, cpu[ours], theirs, cpu[theirs], ratio=cpu[ours] / cpu[theirs],
                target=f"<= {CPU_LIMIT[transport]}", unit=" µs CPU an event",
            )  # fmt: skip
            told = found[ours]
            print(
                f"  {told['kib']:.1f} KiB a connection (target <= {CONNECTION_KIB}), stored to received "
                f"p50 {told['p50_ms']:.1f} ms, p99 {told['p99_ms']:.1f} ms (bare p99 {found[theirs]['p99_ms']:.1f} ms)",
                flush=True,
            )
    finish("fanout", ratios, cpu, connections=found, events=EVENTS, every_s=EVERY_S)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
