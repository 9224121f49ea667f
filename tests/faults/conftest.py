"""A world of its own for the faults: real parts that may be stopped, and a process per role that may be killed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pixel_embedded import run_kafka, run_postgres
from pixel_studio.services import Services, run_services

from tests.e2e.conftest import parts_on
from tests.e2e.person import Studio
from tests.parts import TOOLS


@dataclass
class World:
    """Everything a fault can be put into."""

    services: Services
    studio: Studio
    admin_url: str
    kafka_dir: Path
    kafka: AsyncExitStack
    first_credits: int = 10_000

    @asynccontextmanager
    async def broker_away(self) -> AsyncIterator[None]:
        """Stop Kafka while the block runs."""
        await self.kafka.aclose()
        try:
            yield
        finally:
            await self.kafka.enter_async_context(run_kafka(self.kafka_dir, TOOLS / "kafka"))


@pytest.fixture(scope="session")
async def world(redis_url: str, s3: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    scratch = tmp_path_factory.mktemp("faults")
    async with run_postgres(scratch / "postgres" / "data") as server, AsyncExitStack() as kafka:
        broker = await kafka.enter_async_context(run_kafka(scratch / "kafka", TOOLS / "kafka"))
        parts = parts_on(server.admin_url, broker.brokers, redis_url, s3)
        async with run_services(parts, scratch) as services:
            studio = Studio(services.address, services.grpc_address)
            yield World(services, studio, server.admin_url, scratch / "kafka", kafka)
