"""Every service in one process on embedded backends; they call each other by gRPC over loopback."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from pixel_telemetry import get_logger

from pixel_studio.errors import StudioError
from pixel_studio.reporting import set_up_logs
from pixel_studio.running import Running, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from pixel_runtime.service import Service

    from pixel_studio.composition import Addresses
    from pixel_studio.databases import Databases
    from pixel_studio.settings import StudioSettings

POSTGRES = {"io_method": "sync", "max_logical_replication_workers": "0", "shared_buffers": "32MB"}
"""PostgreSQL for one person: no background processes without work."""

WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognized, not bound
STOP_WITHIN_S = {"gateway": 2.5, "generation": 3.0, "social": 0.8, "media": 0.8, "bus": 0.4}
"""Seconds each may take to stop; PostgreSQL has the rest of ten."""


@dataclass(frozen=True)
class Studio:
    """A running studio."""

    address: str
    """Public HTTP address."""
    grpc_address: str
    """The gateway's gRPC address on this machine."""
    api_key: str
    data_dir: Path


def silent(_: str) -> None:
    """Report no progress."""


@asynccontextmanager
async def run_studio(settings: StudioSettings, *, progress: Callable[[str], None] = silent) -> AsyncIterator[Studio]:
    """Start everything, and stop it when the block ends.

    Raises StudioError when the directory or the port is in use, and StartFailedError when Postgres does not start.
    """
    from pixel_embedded import run_postgres

    set_up_logs()
    data_dir = settings.data_dir.absolute()
    async with AsyncExitStack() as stack:
        _hold(stack, data_dir)
        port = _free_public_port(settings.host, settings.port)
        # Importing takes as long as starting the server; both run at once.
        importing = asyncio.create_task(asyncio.to_thread(_import_services))
        progress("starting PostgreSQL")
        server = await stack.enter_async_context(run_postgres(data_dir / "pg", settings=POSTGRES))
        from pixel_studio.databases import prepare_databases

        databases = await prepare_databases(server, data_dir, progress)
        await importing
        progress("starting the services")
        addresses = await _start_services(stack, settings.host, port, data_dir, databases)
        address = f"http://{_shown_host(settings.host)}:{port}"
        api_key = await _ensure_key(data_dir, addresses.gateway)
        stack.enter_context(recorded(data_dir, Running(os.getpid(), address, addresses.gateway)))
        yield Studio(address=address, grpc_address=addresses.gateway, api_key=api_key, data_dir=data_dir)


def _hold(stack: AsyncExitStack, data_dir: Path) -> None:
    from pixel_embedded.data_dir import InUseError, claim

    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack.enter_context(claim(data_dir))
    except InUseError as error:
        raise StudioError(
            f"another studio runs here: {error}; stop it, or choose another directory with --data-dir"
        ) from error
    except OSError as error:
        raise StudioError(f"cannot keep data in {data_dir}: {error.strerror or error}") from error


def _free_public_port(host: str, port: int) -> int:
    """Return the port, a free one for 0; raise StudioError when something listens on it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StudioError(f"cannot listen on {host}:{port}: {error.strerror}; choose one with --port") from error
        found: int = probe.getsockname()[1]
        return found


def _shown_host(host: str) -> str:
    if host in WILDCARDS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _import_services() -> None:
    import_module("pixel_studio.composition")


async def _start_services(
    stack: AsyncExitStack, host: str, port: int, data_dir: Path, databases: Databases
) -> Addresses:
    from pixel_runtime.settings import SettingsError

    from pixel_studio.composition import Addresses, build_services

    try:
        addresses = Addresses.choose(data_dir, http=f"{host}:{port}")
        services = await build_services(stack, os.environ, addresses, databases, data_dir)
    except SettingsError as error:
        raise StudioError(str(error)) from error
    started: list[Service] = []
    stack.push_async_callback(_stop, started)
    for service in services:
        started.append(service)
        await service.start()
    return addresses


async def _stop(started: Sequence[Service]) -> None:
    """Stop in reverse order, each within its time limit, also when an earlier one failed."""
    async with AsyncExitStack() as stopping:
        for service in started:
            stopping.push_async_callback(_stop_service, service)


async def _stop_service(service: Service) -> None:
    """Stop within the limit; report what did not end cleanly. Everything accepted is in the database."""
    try:
        await service.stop(within_s=STOP_WITHIN_S[service.name])
    except ExceptionGroup as errors:
        reasons = [repr(error) for error in errors.exceptions]
        get_logger(__name__).warning("stop_was_not_clean", service_name=service.name, reasons=reasons)


async def _ensure_key(data_dir: Path, gateway: str) -> str:
    from pixel_studio.accounts import ensure_key, open_accounts

    async with open_accounts(gateway) as accounts:
        return await ensure_key(data_dir, accounts)
