"""The servers of a benchmark: durable PostgreSQL and Kafka, in a scratch folder."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pixel_embedded import PostgresServer, run_kafka, run_postgres
from pixel_postgres import migrate, provision

TOOLS = Path(__file__).resolve().parents[2] / ".tools"


@asynccontextmanager
async def scratch_dir() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pixel-bench-") as folder:
        yield Path(folder)


@asynccontextmanager
async def postgres(folder: Path, services: Sequence[str]) -> AsyncIterator[tuple[PostgresServer, dict[str, str]]]:
    """Yield a server with fsync on, and the service role's address of each migrated schema."""
    async with run_postgres(folder / "pg" / "data") as server:
        passwords = {service: secrets.token_urlsafe(12) for service in services}
        await provision(server.admin_url, schemas=passwords)
        for service in services:
            package = "pixel_events.postgres" if service == "bus" else f"pixel_{service}"
            await asyncio.to_thread(migrate, server.admin_url, package=package, schema=service)
        yield server, {service: server.url("postgres", service, word) for service, word in passwords.items()}


@asynccontextmanager
async def kafka(folder: Path) -> AsyncIterator[str]:
    async with run_kafka(folder / "kafka", TOOLS / "kafka") as server:
        yield server.brokers
