"""Every role of every service as its own process on real backends, as in production.

Tests kill and restart processes by name; `python -m pixel_<service> <role>` is what a deployment runs too.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from pixel_embedded.child import Child
from pixel_embedded.data_dir import free_port
from pixel_postgres import provision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

READY_WITHIN_S = 60.0
NO_RATE_LIMITS = {f"PIXEL_{kind}_PER_MINUTE": "0" for kind in ("CREATES", "READS", "STATUS_READS", "CRITICAL")}
"""A studio on one machine has no rate limits; the environment can override this."""

SERVICES = ("media", "social", "generation", "gateway")
ROLES = {
    "media": ("serve", "relay"),
    "social": ("serve", "work", "relay"),
    "generation": ("serve", "work", "relay"),
    "gateway": ("serve", "work", "relay"),
}


@dataclass(frozen=True)
class RealParts:
    """The servers that the services use."""

    admin_url: str
    """Superuser's connection URL of an empty database."""
    kafka_brokers: str
    redis_url: str
    s3_endpoint_url: str
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)
    s3_bucket: str = "pixel"
    s3_region: str = "us-east-1"


@dataclass
class Process:
    """One role of one service."""

    child: Child
    ready: Callable[[], bool]
    metrics_address: str
    """Address of its `/metrics`."""

    async def start(self) -> None:
        await self.child.start()
        await self.child.wait_ready(self.ready, within_s=READY_WITHIN_S)

    async def kill(self) -> None:
        """Kill it at once, as a crash does."""
        os.kill(self.child.pid, signal.SIGKILL)
        await self.child.stop()

    async def restart(self) -> None:
        """Start it again, also after a kill, and wait until it is ready."""
        await self.child.stop()
        await self.start()


@dataclass(frozen=True)
class Services:
    """The running processes, by names such as `generation-work`."""

    address: str
    """Public HTTP address."""
    grpc_address: str
    """The gateway's gRPC address."""
    addresses: Mapping[str, str]
    """The gRPC address of each service."""
    processes: Mapping[str, Process]


@asynccontextmanager
async def run_services(
    parts: RealParts, scratch: Path, *, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Services]:
    """Run every role until the block ends; logs go to `scratch`, `environment` is added to each process's own.

    Raises StartFailedError, which quotes the log, when a process does not become ready.
    """
    passwords = {schema: secrets.token_urlsafe(12) for schema in SERVICES}
    await provision(parts.admin_url, schemas=passwords)
    await _prepare_parts(parts)
    addresses = {service: f"127.0.0.1:{free_port()}" for service in SERVICES}
    http_address = f"127.0.0.1:{free_port()}"
    shared = _shared_environment(parts, addresses, http_address) | dict(environment or {})
    own = {
        service: shared
        | {
            "PIXEL_DATABASE_URL": _url_of(parts.admin_url, service, passwords[service]),
            "PIXEL_GRPC_ADDRESS": addresses[service],
        }
        for service in SERVICES
    }
    await asyncio.gather(
        *(_migrate(service, own[service] | {"PIXEL_MIGRATE_URL": parts.admin_url}, scratch) for service in SERVICES)
    )
    processes = {
        f"{service}-{role}": _process(service, role, own[service], scratch)
        for service in SERVICES
        for role in ROLES[service]
    }
    try:
        # All at once: a call to a service that has not started fails as unavailable, and the caller retries.
        await asyncio.gather(*(process.start() for process in processes.values()))
        yield Services(f"http://{http_address}", addresses["gateway"], addresses, processes)
    finally:
        await asyncio.shield(asyncio.gather(*(process.child.stop() for process in processes.values())))


async def _prepare_parts(parts: RealParts) -> None:
    """Create what a deployment creates once: topics and the bucket."""
    from pixel_blobs import S3Blobs
    from pixel_events import KafkaBus

    bus = KafkaBus(parts.kafka_brokers)
    try:
        await bus.ensure_topics()
    finally:
        await bus.close()
    blobs = S3Blobs(
        parts.s3_bucket,
        parts.s3_endpoint_url,
        access_key=parts.s3_access_key,
        secret_key=parts.s3_secret_key,
        region=parts.s3_region,
    )
    try:
        await blobs.ensure_bucket()
    finally:
        await blobs.close()


def _shared_environment(parts: RealParts, addresses: Mapping[str, str], http_address: str) -> dict[str, str]:
    blobs = {"endpoint": parts.s3_endpoint_url, "region": parts.s3_region}
    return {
        **NO_RATE_LIMITS,
        **os.environ,
        **{f"PIXEL_{service.upper()}_ADDRESS": address for service, address in addresses.items()},
        "PIXEL_HTTP_ADDRESS": http_address,
        "KAFKA_BROKERS": parts.kafka_brokers,
        "REDIS_URL": parts.redis_url,
        "PIXEL_BLOBS_URL": f"s3://{parts.s3_bucket}?{urlencode(blobs)}",
        "AWS_ACCESS_KEY_ID": parts.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": parts.s3_secret_key,
    }


async def _migrate(service: str, environment: Mapping[str, str], scratch: Path) -> None:
    from pixel_studio.errors import StudioError

    log = scratch / f"{service}-migrate.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *_command(service, "migrate"), env=environment, stdout=output, stderr=asyncio.subprocess.STDOUT
        )
        code = await process.wait()
    if code != 0:
        raise StudioError(f"{service} migrate ended with code {code}; its log is {log}")


def _process(service: str, role: str, own: Mapping[str, str], scratch: Path) -> Process:
    metrics_address = f"127.0.0.1:{free_port()}"
    # Several roles of a service run at once: only `serve` gets the addresses.
    environment = {**own, "PIXEL_METRICS_ADDRESS": metrics_address}
    child = Child(
        name=f"{service} {role}",
        command=_command(service, role),
        log=scratch / f"{service}-{role}.log",
        cwd=scratch,
        env=environment,
        grace_s=25.0,
    )
    if role != "serve":
        return Process(child, lambda: _listens(metrics_address), metrics_address)
    if service == "gateway":
        return Process(child, lambda: _is_http_ready(own["PIXEL_HTTP_ADDRESS"]), metrics_address)
    return Process(child, lambda: _is_grpc_ready(own["PIXEL_GRPC_ADDRESS"]), metrics_address)


def _command(service: str, role: str) -> list[str]:
    return [sys.executable, "-m", f"pixel_{service}", role]


def _url_of(admin_url: str, user: str, password: str) -> str:
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{place}").geturl()


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1.0):
            return True
    except OSError:
        return False


def _is_http_ready(address: str) -> bool:
    import httpx2

    try:
        # Without TLS there is nothing to verify, and to load the authorities takes 40 ms of CPU a probe.
        return httpx2.get(f"http://{address}/readyz", timeout=2.0, trust_env=False, verify=False).is_success
    except httpx2.TransportError:
        return False


def _is_grpc_ready(address: str) -> bool:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2.0)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
