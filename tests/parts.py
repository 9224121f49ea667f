"""The servers of the tests: started at their first use, once per run, on free ports of loopback."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from pixel_embedded import PostgresServer, S3Server, run_kafka, run_postgres, run_redis, run_s3
from pixel_postgres import migrate, provision
from psycopg import sql

from tests.servers import TOOLS, shared_kafka, shared_s3

ROLE_PASSWORD = secrets.token_urlsafe(12)
"""Password of every service's role. Roles belong to the whole server: a test that provisions one again must use it."""

FAST_AND_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Test data need not survive a crash; tests of durability run a separate server."""


@dataclass(frozen=True)
class Database:
    """A new database; `url` is the service role's (the superuser's without a schema)."""

    name: str
    schema: str
    url: str
    admin_url: str


MakeDatabase = Callable[..., Awaitable[Database]]


@dataclass
class _Databases:
    """Makes databases by copying, for each service, a template that was migrated once."""

    server: PostgresServer
    password: str = ROLE_PASSWORD
    _templates: dict[str, asyncio.Task[str]] = field(default_factory=dict)

    async def make(self, service: str = "") -> Database:
        name = f"{service or 'empty'}_{secrets.token_hex(6)}"
        template = await self._template(service) if service else "template1"
        await self._create(name, template)
        admin_url = self.server.url(name, "postgres", self.server.admin_password)
        url = self.server.url(name, service, self.password) if service else admin_url
        return Database(name=name, schema=service, url=url, admin_url=admin_url)

    async def _template(self, service: str) -> str:
        if service not in self._templates:
            self._templates[service] = asyncio.create_task(self._make_template(service))
        return await self._templates[service]

    async def _make_template(self, service: str) -> str:
        name = f"template_{service}"
        await self._create(name, "template1")
        url = self.server.url(name, "postgres", self.server.admin_password)
        await provision(url, schemas={service: self.password})
        await asyncio.to_thread(migrate, url, package=package_of(service), schema=service)
        return name

    async def _create(self, name: str, template: str) -> None:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        async with await psycopg.AsyncConnection.connect(self.server.admin_url, autocommit=True) as conn:
            # Copies of one template exclude each other: the server refuses a template that is in use.
            await conn.execute("SELECT pg_advisory_lock(hashtext('tests.parts.template'))")
            await conn.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def package_of(schema: str) -> str:
    """Return the package whose migrations make the schema."""
    return "pixel_events.postgres" if schema == "bus" else f"pixel_{schema}"


@pytest.fixture(scope="session")
def parts_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory for data and logs of the run's servers."""
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="session")
async def postgres_server(parts_dir: Path) -> AsyncIterator[PostgresServer]:
    async with run_postgres(parts_dir / "postgres", settings=FAST_AND_FORGETFUL) as server:
        yield server


@pytest.fixture(scope="session")
def make_database(postgres_server: PostgresServer) -> MakeDatabase:
    """Return `make_database("generation")`, which makes a new database with that service's migrated schema.

    Without a name the database is empty and `url` is the superuser's.
    """
    return _Databases(postgres_server).make


@pytest.fixture(scope="session")
async def kafka_brokers(parts_dir: Path) -> AsyncIterator[str]:
    """Bootstrap address of a broker; the topics of a test have their own prefix."""
    if shared := shared_kafka():
        yield shared
        return
    async with run_kafka(parts_dir / "kafka", TOOLS / "kafka") as server:
        yield server.brokers


@pytest.fixture(scope="session")
async def redis_url(parts_dir: Path) -> AsyncIterator[str]:
    async with run_redis(parts_dir / "redis") as server:
        yield server.url


@pytest.fixture(scope="session")
async def s3_server(parts_dir: Path) -> AsyncIterator[S3Server]:
    if shared := shared_s3():
        yield shared
        return
    async with run_s3(parts_dir / "s3", TOOLS / "versitygw") as server:
        yield server


@dataclass(frozen=True)
class S3:
    """Connection of the S3 server, and the name of a bucket that does not exist yet."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str
    region: str = "us-east-1"

    def fresh_bucket(self) -> str:
        """Return the name of another bucket."""
        return f"test-{secrets.token_hex(8)}"


@pytest.fixture(scope="session")
def s3(s3_server: S3Server) -> S3:
    return S3(
        endpoint_url=s3_server.endpoint_url,
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
        bucket=f"test-{secrets.token_hex(8)}",
    )
