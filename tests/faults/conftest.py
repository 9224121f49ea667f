"""The environment of the fault tests: real servers behind proxies, and one process per role that may be killed."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from confluent_kafka import KafkaException
from pixel_blobs import S3Blobs
from pixel_embedded import KafkaServer, run_kafka, run_postgres
from pixel_studio.services import Services, run_services

from tests.e2e.conftest import parts_on
from tests.e2e.person import Studio
from tests.fakes.openai_server import OpenAIServer, run_openai_server
from tests.faults.checker import Evidence, Report, check
from tests.faults.clients import Client
from tests.faults.history import History
from tests.faults.nemesis import IS_FULL
from tests.faults.proxy import Proxy, run_proxy
from tests.faults.stores import Violation
from tests.servers import TOOLS

LEASE_S = 15.0 if IS_FULL else 3.0
FIRST_CREDITS = 100_000
CANARY = f"canary{secrets.token_hex(8)}"
PROVIDER_KEY = f"sk-{CANARY}"
ENVIRONMENT = {
    "PIXEL_WORKER_LEASE_S": str(LEASE_S),
    "PIXEL_WORKER_HEARTBEAT_S": str(LEASE_S / 3),
    "PIXEL_SWEEP_INTERVAL_S": "0.5",
    "PIXEL_STOP_GRACE_S": "15",
    "PIXEL_RECONCILE_FOR_S": "5",
    "OPENAI_API_KEY": PROVIDER_KEY,
}


@dataclass
class World:
    """Everything that can be faulted."""

    services: Services
    studio: Studio
    admin_url: str
    scratch: Path
    postgres_dir: Path
    kafka_dir: Path
    kafka: AsyncExitStack
    broker: KafkaServer
    bucket: S3Blobs
    provider: OpenAIServer
    database_proxy: Proxy
    provider_proxy: Proxy
    history: History = field(default_factory=History)

    @asynccontextmanager
    async def broker_away(self) -> AsyncIterator[None]:
        """Stop Kafka while the block runs."""
        await self.kafka.aclose()
        try:
            yield
        finally:
            self.broker = await self.kafka.enter_async_context(run_kafka(self.kafka_dir, TOOLS / "kafka"))

    @asynccontextmanager
    async def client(self, first_credits: int = FIRST_CREDITS, *, timeout_s: float = 60.0) -> AsyncIterator[Client]:
        """Create an account whose requests go to the history."""
        async with self.studio.person(first_credits, timeout_s=timeout_s) as person:
            yield Client(person, self.history)

    async def report(self) -> Report:
        """Run the checker on everything since the start of the services."""
        evidence = Evidence(
            database=self.admin_url,
            brokers=self.broker.brokers,
            bucket=self.bucket,
            history=self.history,
            logs=sorted(self.scratch.glob("*.log")),
            canaries=[CANARY, *self.history.nonces],
        )
        return await check(evidence)

    async def assert_at_rest(self, *, within_s: float = 60.0) -> Report:
        """Return the report once nothing is violated; fail with the last one when the time is over."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                report = await self.report()
            except KafkaException as error:  # a broker that has just restarted
                report = Report(violations=[Violation("I5", "bus", "Kafka", str(error))])
            if not report.violations:
                print(report, flush=True)
                return report
            if time.monotonic() > deadline:
                pytest.fail(f"violations {within_s:g} s after the last fault\n{report}")
            await asyncio.sleep(0.5)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of the world on one worker, and those of each other file together."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            fixtures = getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("world" if "world" in fixtures else item.path.stem))


@pytest.fixture(scope="session")
async def world(redis_url: str, s3: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    scratch = tmp_path_factory.mktemp("faults")
    async with AsyncExitStack() as stack, AsyncExitStack() as kafka:
        server = await stack.enter_async_context(run_postgres(scratch / "postgres" / "data"))
        broker = await kafka.enter_async_context(run_kafka(scratch / "kafka", TOOLS / "kafka"))
        provider = await stack.enter_async_context(run_openai_server())
        database_proxy = await stack.enter_async_context(run_proxy(f"127.0.0.1:{server.port}"))
        provider_proxy = await stack.enter_async_context(run_proxy(urlsplit(provider.base_url).netloc))
        proxied = server.admin_url.replace(f":{server.port}/", f":{database_proxy.port_here}/")
        parts = parts_on(proxied, broker.brokers, redis_url, s3)
        environment = ENVIRONMENT | {"OPENAI_BASE_URL": f"http://{provider_proxy.address}/v1"}
        services = await stack.enter_async_context(run_services(parts, scratch, environment=environment))
        bucket = S3Blobs(
            s3.bucket, s3.endpoint_url, access_key=s3.access_key, secret_key=s3.secret_key, region=s3.region
        )
        stack.push_async_callback(bucket.close)
        yield World(
            services=services,
            studio=Studio(services.address, services.grpc_address),
            admin_url=server.admin_url,
            scratch=scratch,
            postgres_dir=scratch / "postgres" / "data",
            kafka_dir=scratch / "kafka",
            kafka=kafka,
            broker=broker,
            bucket=bucket,
            provider=provider,
            database_proxy=database_proxy,
            provider_proxy=provider_proxy,
            history=History(scratch / "history.jsonl"),
        )
