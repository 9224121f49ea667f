"""Gateway and generation as processes of their own, for measurements through the public API."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from pixel.gateway.v1 import accounts_service_pb2, accounts_service_pb2_grpc
from pixel_embedded.child import Child
from pixel_embedded.data_dir import free_port
from pixel_rpc import open_channel
from pixel_studio.services import NO_RATE_LIMITS

FIRST_CREDITS = 1_000_000_000


@dataclass(frozen=True)
class Gateway:
    """The running processes."""

    address: str
    accounts_address: str
    pids: Sequence[int]

    async def accounts(self, count: int) -> list[str]:
        """Make accounts with ample credits; return a key of each."""
        async with open_channel(self.accounts_address, default_deadline_s=30.0) as channel:
            stub = accounts_service_pb2_grpc.AccountsServiceStub(channel)
            keys = []
            for number in range(count):
                made = await stub.EnsureAccount(
                    accounts_service_pb2.EnsureAccountRequest(username=f"load-{number}", first_credits=FIRST_CREDITS)
                )
                key = await stub.CreateApiKey(
                    accounts_service_pb2.CreateApiKeyRequest(user_id=made.account.id, name="load")
                )
                keys.append(key.secret)
        return keys


@asynccontextmanager
async def running(
    urls: Mapping[str, str],
    folder: Path,
    *,
    commands: Mapping[str, Sequence[str]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Gateway]:
    """Run `python -m pixel_<service> ROLES…` for each service of `commands`; yield once the gateway answers."""
    commands = commands or {"generation": ("serve",), "gateway": ("serve",)}
    ports = {service: free_port() for service in ("gateway", "generation", "media", "social")}
    http = f"127.0.0.1:{free_port()}"
    shared = {
        **NO_RATE_LIMITS,
        **os.environ,
        **{f"PIXEL_{service.upper()}_ADDRESS": f"127.0.0.1:{port}" for service, port in ports.items()},
        "PIXEL_HTTP_ADDRESS": http,
        "PIXEL_LOG_LEVEL": "WARNING",
        "PIXEL_BUS_URL": urls.get("bus", ""),
        **(environment or {}),
    }
    async with AsyncExitStack() as stack:
        children = []
        for service, roles in commands.items():
            own = {"PIXEL_DATABASE_URL": urls[service], "PIXEL_GRPC_ADDRESS": f"127.0.0.1:{ports[service]}"}
            child = Child(
                name=service,
                command=[sys.executable, "-m", f"pixel_{service}", *roles],
                log=folder / f"{service}.log",
                cwd=folder,
                env=shared | own,
            )
            stack.push_async_callback(child.stop)
            await child.start()
            children.append(child)
        await children[-1].wait_ready(lambda: _answers(http), within_s=60)
        await asyncio.sleep(0)
        yield Gateway(f"http://{http}", f"127.0.0.1:{ports['gateway']}", [child.pid for child in children])


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"http://{address}/healthz", timeout=2.0, trust_env=False).is_success
    except httpx2.TransportError:
        return False
