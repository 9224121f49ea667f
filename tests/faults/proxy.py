"""A TCP proxy that can cut, hang, slow and silence connections in one direction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK_BYTES = 64 * 1024


@dataclass
class Proxy:
    """Passes bytes from `address` to a target on loopback. Its faults apply to open connections too."""

    host: str
    port: int
    latency_s: float = 0.0
    """Added to each chunk, in both directions."""
    address: str = ""
    accepted: int = 0
    _refuses: bool = False
    _flow: dict[str, asyncio.Event] = field(default_factory=lambda: {"up": asyncio.Event(), "down": asyncio.Event()})
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError(f"{self.host} is not loopback")
        self.restore()

    @property
    def port_here(self) -> int:
        """The listening port."""
        return int(self.address.rpartition(":")[2])

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._refuses = True
        self.reset()

    def reset(self) -> None:
        """Reset every connection; accept new ones."""
        for writer in list(self._open):
            writer.transport.abort()

    def hang(self, *directions: str) -> None:
        """Hold the bytes of `up` (to the target), `down` (from it) or both; connections stay open."""
        for direction in directions or ("up", "down"):
            self._flow[direction].clear()

    def restore(self) -> None:
        self._refuses = False
        self.latency_s = 0.0
        for flow in self._flow.values():
            flow.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            if self._refuses:
                writer.transport.abort()
                return
            self.accepted += 1
            with contextlib.suppress(OSError):
                target_reader, target = await asyncio.open_connection(self.host, self.port)
                self._open.add(target)
                try:
                    ways = (self._pass(reader, target, "up"), self._pass(target_reader, writer, "down"))
                    await asyncio.gather(*ways)
                finally:
                    self._open.discard(target)
                    target.transport.abort()
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._flow[direction].wait()
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def close(self) -> None:
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def run_proxy(target: str, port: int = 0) -> AsyncIterator[Proxy]:
    """Proxy `host:port` on a loopback port, a free one unless given, until the block ends."""
    host, _, target_port = target.rpartition(":")
    proxy = Proxy(host, int(target_port))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", port)
    proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
