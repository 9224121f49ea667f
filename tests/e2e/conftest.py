"""A whole studio in one of two modes: MODE=embedded (the default) or MODE=services on real servers.

Tests see the same public API in both.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pixel.media.v1 import assets_service_pb2, assets_service_pb2_grpc
from pixel_embedded import run_kafka, run_postgres
from pixel_rpc import open_channel
from pixel_studio.running import find_running
from pixel_studio.services import RealParts, run_services

from tests.e2e.person import Person, Studio
from tests.fakes.openai_server import OpenAIServer, run_openai_server
from tests.servers import TOOLS

START_WITHIN_S = 120.0
STOP_WITHIN_S = 10.0
CHUNK_BYTES = 256 * 1024
METRICS_LINE = re.compile(r"metrics: http://(\S+)/metrics")
RENDITIONS = {
    assets_service_pb2.RENDITION_KIND_ORIGINAL: "original",
    assets_service_pb2.RENDITION_KIND_THUMBNAIL: "thumbnail",
    assets_service_pb2.RENDITION_KIND_PREVIEW: "preview",
}


@dataclass(frozen=True)
class Running:
    """A running product and operations on it from outside."""

    studio: Studio
    media_address: str
    """gRPC address of the media service."""
    metrics_addresses: frozenset[str]
    """Addresses whose `/metrics` are those of the product, taken together."""
    restart: Callable[[], Awaitable[None]]
    """Stop every process and start it again on the same data."""


@dataclass(frozen=True)
class Supplied:
    """A product whose second provider is a loopback server with planned faults."""

    studio: Studio
    provider: OpenAIServer
    logs: Path
    """Folder that holds the log of every process."""
    metrics_addresses: frozenset[str]


StorePhotograph = Callable[[bytes], Awaitable[dict[str, str]]]


@pytest.fixture(scope="session")
def run_product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractAsyncContextManager[Running]]:
    """Return `run_product`, for `async with run_product() as running` in the mode under test."""
    mode = os.environ.get("MODE", "embedded")
    if mode == "embedded":
        return lambda: run_embedded(tmp_path_factory.mktemp("studio") / "data")
    assert mode == "services", f"MODE is {mode}; it must be embedded or services"
    parts = request.getfixturevalue("real_parts")
    return lambda: run_on_real_parts(parts, tmp_path_factory.mktemp("services"))


@pytest.fixture(scope="session")
async def real_parts(
    kafka_brokers: str, redis_url: str, s3: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RealParts]:
    async with run_postgres(tmp_path_factory.mktemp("postgres") / "data") as server:
        yield parts_on(server.admin_url, kafka_brokers, redis_url, s3)


def parts_on(admin_url: str, kafka_brokers: str, redis_url: str, s3: Any) -> RealParts:
    """Return the real servers. The database server is not shared: service roles belong to the whole server."""
    return RealParts(
        admin_url=admin_url,
        kafka_brokers=kafka_brokers,
        redis_url=redis_url,
        s3_endpoint_url=s3.endpoint_url,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        s3_bucket=s3.bucket,
    )


@pytest.fixture(scope="session")
async def running(run_product: Callable[[], AbstractAsyncContextManager[Running]]) -> AsyncIterator[Running]:
    async with run_product() as running:
        yield running


@pytest.fixture(scope="session")
def shared_servers(request: pytest.FixtureRequest) -> tuple[str, Any] | None:
    """Redis and S3, which several products may share; None in embedded mode."""
    if os.environ.get("MODE", "embedded") == "embedded":
        return None
    return request.getfixturevalue("redis_url"), request.getfixturevalue("s3")


@pytest.fixture(scope="session")
async def supplied(
    shared_servers: tuple[str, Any] | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Supplied]:
    """A separate product in the mode under test: two on one bus would consume each other's events."""
    scratch = tmp_path_factory.mktemp("supplied")
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(run_openai_server())
        environment = {
            "OPENAI_API_KEY": f"sk-{secrets.token_hex(16)}",
            "OPENAI_BASE_URL": provider.base_url,
            "OPENAI_TOKEN_PRICES": "gpt-image-2=5,10,40",
            "PIXEL_RECONCILE_FOR_S": "1",
            "PIXEL_SWEEP_INTERVAL_S": "0.5",
        }
        if shared_servers is None:
            product = run_embedded(scratch / "data", environment)
        else:
            server = await stack.enter_async_context(run_postgres(scratch / "postgres" / "data"))
            broker = await stack.enter_async_context(run_kafka(scratch / "kafka", TOOLS / "kafka"))
            redis_url, s3 = shared_servers
            bucket = replace(s3, bucket=f"supplied-{secrets.token_hex(4)}")
            parts = parts_on(server.admin_url, broker.brokers, redis_url, bucket)
            product = run_on_real_parts(parts, scratch, environment)
        running = await stack.enter_async_context(product)
        yield Supplied(running.studio, provider, scratch, running.metrics_addresses)


@pytest.fixture(scope="session")
def studio(running: Running) -> Studio:
    return running.studio


@pytest.fixture
async def person(studio: Studio) -> AsyncIterator[Person]:
    async with studio.person() as person:
        yield person


@pytest.fixture
async def stranger(studio: Studio) -> AsyncIterator[Person]:
    async with studio.person() as stranger:
        yield stranger


@pytest.fixture
async def pauper(studio: Studio) -> AsyncIterator[Person]:
    """An account without credits."""
    async with studio.person(first_credits=0) as pauper:
        yield pauper


@pytest.fixture
def store_photograph(running: Running, person: Person) -> StorePhotograph:
    """Return `store_photograph(data)`, which returns the absolute URL of each rendition by its name."""

    async def store(data: bytes) -> dict[str, str]:
        header = assets_service_pb2.StoreAssetHeader(
            asset_id=f"ast_{secrets.token_hex(16)}",
            user_id=person.user_id,
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
        )

        async def parts() -> AsyncIterator[assets_service_pb2.StoreAssetRequest]:
            yield assets_service_pb2.StoreAssetRequest(header=header)
            for start in range(0, len(data), CHUNK_BYTES):
                yield assets_service_pb2.StoreAssetRequest(chunk=data[start : start + CHUNK_BYTES])

        async with open_channel(running.media_address, default_deadline_s=20.0) as channel:
            stored = await assets_service_pb2_grpc.AssetsServiceStub(channel).StoreAsset(parts())
        base = running.studio.address
        return {
            RENDITIONS[made.kind]: base + made.url if made.url.startswith("/") else made.url
            for made in stored.asset.renditions
        }

    return store


@asynccontextmanager
async def run_embedded(data_dir: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Running]:
    """Run `studio up` as a child process."""
    child = await start_studio(data_dir, port=0, environment=environment)
    try:
        record = find_running(data_dir)
        assert record is not None

        async def restart() -> None:
            nonlocal child
            await stop_studio(child)
            port = int(record.address.rpartition(":")[2])
            child = await start_studio(data_dir, port=port, environment=environment)

        media_port = (data_dir / "media.port").read_text().strip()
        metrics_addresses = frozenset(METRICS_LINE.findall(data_dir.with_suffix(".log").read_text()))
        studio = Studio(record.address, record.grpc_address)
        yield Running(studio, f"127.0.0.1:{media_port}", metrics_addresses, restart)
    finally:
        await stop_studio(child)


async def start_studio(
    data_dir: Path, *, port: int, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start it and return once it prints its address."""
    log = data_dir.with_suffix(".log")
    with log.open("ab") as errors:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pixel_studio", "up", f"--port={port}", f"--data-dir={data_dir}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(environment or {})},
        )
    assert child.stdout is not None
    async with asyncio.timeout(START_WITHIN_S):
        while not (line := await child.stdout.readline()).startswith(b"api key: "):
            assert line, f"the studio ended before it was ready:\n{log.read_text()[-4000:]}"
    return child


async def stop_studio(child: asyncio.subprocess.Process) -> None:
    """Stop it, and fail unless it ends cleanly and in time."""
    child.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STOP_WITHIN_S):
        assert await child.wait() == 0


@asynccontextmanager
async def run_on_real_parts(
    parts: RealParts, scratch: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    async with run_services(parts, scratch, environment=environment) as services:

        async def restart() -> None:
            processes = services.processes.values()
            await asyncio.gather(*(process.child.stop() for process in processes))
            await asyncio.gather(*(process.start() for process in processes))

        studio = Studio(services.address, services.grpc_address)
        metrics_addresses = frozenset(process.metrics_address for process in services.processes.values())
        yield Running(studio, services.addresses["media"], metrics_addresses, restart)
