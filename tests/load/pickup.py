"""Accepted to provider call started, against one bare produce-to-consume plus the bare transactions of that way.

The product runs as in production: a process per role on Kafka and PostgreSQL; times are the database's, of acceptance
(`jobs.created_at`) and of the attempt's `submitting` row (`attempts.submitted_at`).
"""

from __future__ import annotations

import asyncio
import random
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from confluent_kafka import Consumer, Producer
from pixel_events import KafkaBus
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.application.ports import Writer
from pixel_generation.application.submission.ports import NewGeneration
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import open_pool
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id

from tests.load.http_client import HttpLoad
from tests.load.processes import Gateway, running
from tests.load.report import Meter, finish, line, percentile
from tests.load.servers import kafka, postgres, scratch_dir
from tests.load.submit import fill_accounts, user

ROUNDS = 3
JOBS = 40
WARM = 5
EVERY_S = 0.15
TOPIC = "image.generation.requests"
COMMANDS = {
    "media": ("serve",),
    "social": ("serve", "work"),
    "generation": ("serve", "work", "relay"),
    "gateway": ("serve",),
}


class BareBus:
    """librdkafka alone: one record at a time, from produce to consume."""

    def __init__(self, brokers: str) -> None:
        self._producer = Producer(
            {"bootstrap.servers": brokers, "linger.ms": 0, "acks": "all", "enable.idempotence": True}
        )
        self._consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bare", "auto.offset.reset": "earliest"})
        self._consumer.subscribe([TOPIC])

    def run(self) -> list[float]:
        seconds = []
        for _ in range(JOBS + WARM):
            body = secrets.token_bytes(16)
            started = time.perf_counter()
            self._producer.produce(TOPIC, value=body, key=b"bare")
            self._producer.poll(0)
            while (record := self._consumer.poll(1.0)) is None or record.value() != body:
                self._producer.poll(0)
            seconds.append(time.perf_counter() - started)
            time.sleep(0.02)
        return seconds[WARM:]

    def close(self) -> None:
        self._producer.flush(5.0)
        self._consumer.close()


class BareTransactions:
    """The three writes on the way, alone: submit, claim, and the attempt that is about to call.

    They use a queue whose model no worker can run, and take their jobs away again.
    """

    queue = "openai"

    def __init__(self, url: str, admin_url: str) -> None:
        self._url = url
        self._admin_url = admin_url

    async def run(self) -> list[float]:
        clock, seconds = SystemClock(), []
        async with open_pool(self._url, schema="generation", application="bare", max_size=2) as pool:
            submissions, jobs = PostgresSubmissions(pool, MESSAGES), PostgresJobs(pool, clock, KINDS, MESSAGES)
            for number in range(JOBS + WARM):
                job = self._job(number, clock.now())
                started = time.perf_counter()
                await submissions.decide([NewGeneration(job, "", "", b"")])
                (claimed,) = await jobs.claim(self.queue, 1, worker="bare", lease_s=15, deadline_at=job.deadline_at)
                assert await jobs.write(claimed, claimed.calling(), writer=Writer.WORKER)
                seconds.append(time.perf_counter() - started)
        async with await psycopg.AsyncConnection.connect(self._admin_url, autocommit=True) as conn:
            await conn.execute("DELETE FROM generation.live_jobs WHERE queue = %s", (self.queue,))
        return seconds[WARM:]

    def _job(self, number: int, now: datetime) -> Job:
        return Job(
            id=new_id(), user_id=user(number), set_id=new_id(), queue=self.queue, cost_credits=1, created_at=now,
            work=ImageWork(prompt="bare", model="gpt-image-2", size="1024x1024", seed=1),
            scheduled_at=now, deadline_at=now + timedelta(days=1), max_retries=2,
        )  # fmt: skip


class Product:
    """Submissions through HTTP at a steady rate; the rows say when they were accepted and picked up."""

    def __init__(self, gateway: Gateway, keys: list[str], admin_url: str) -> None:
        body = {"prompt": "a lighthouse at dawn", "size": "256x256"}
        self._load = HttpLoad(gateway.address, "/api/generations", body, keys, pids=gateway.pids)
        self._admin_url = admin_url
        self._meter = Meter(gateway.pids)
        self.cpu_us: list[float] = []

    async def run(self) -> list[float]:
        before = new_id()
        self._meter.start()
        await self._load.steady(JOBS + WARM, EVERY_S)
        async with await psycopg.AsyncConnection.connect(self._admin_url, autocommit=True) as conn:
            async with asyncio.timeout(60):
                while len(found := await _pickups(conn, before)) < JOBS + WARM:
                    await asyncio.sleep(0.1)
        self.cpu_us.append(self._meter.stop(JOBS + WARM).cpu_us)
        return found[WARM:]


async def _pickups(conn: psycopg.AsyncConnection, after: UUID) -> list[float]:
    cursor = await conn.execute(
        "SELECT extract(epoch FROM a.submitted_at - j.created_at)::float8 FROM generation.live_jobs AS j"
        " JOIN generation.attempts AS a ON a.job_id = j.id AND a.attempt = 1"
        " WHERE j.id > %s AND a.submitted_at IS NOT NULL ORDER BY j.id",
        (after,),
    )
    return [row[0] for row in await cursor.fetchall()]


async def main() -> None:
    services = ["generation", "gateway", "media", "social", "bus"]
    async with scratch_dir() as folder, postgres(folder, services) as (server, urls), kafka(folder) as brokers:
        bus = KafkaBus(brokers)
        await bus.ensure_topics()
        await bus.close()
        await fill_accounts(server.admin_url)
        environment = {
            "KAFKA_BROKERS": brokers,
            "PIXEL_BLOBS_URL": (folder / "objects").as_uri(),
            "PIXEL_SIGNING_KEY": "x" * 32,
        }
        async with running(urls, folder, commands=COMMANDS, environment=environment) as gateway:
            product = Product(gateway, await gateway.accounts(10), server.admin_url)
            bare_bus, bare_sql = BareBus(brokers), BareTransactions(urls["generation"], server.admin_url)
            contestants: dict[str, Callable[[], Awaitable[list[float]]]] = {
                "product": product.run,
                "bus": lambda: asyncio.to_thread(bare_bus.run),
                "transactions": bare_sql.run,
            }
            seconds = await _rounds(contestants)
            bare_bus.close()
    _tell(seconds, product.cpu_us)


async def _rounds(contestants: dict[str, Callable[[], Awaitable[list[float]]]]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for number in range(ROUNDS):
        random.shuffle(order)
        for name in order:
            found = await contestants[name]()
            seconds[name] += found
            print(f"  round {number + 1}: {name:<14} p50 {percentile(found, 0.5) * 1e3:8.2f} ms", flush=True)
    return seconds


def _tell(seconds: dict[str, list[float]], cpu_us: list[float]) -> None:
    ratios = {}
    for name, share, target in (("p50", 0.5, "<= 3"), ("p99", 0.99, "reported")):
        limit = percentile(seconds["bus"], share) + percentile(seconds["transactions"], share)
        measured = percentile(seconds["product"], share)
        ratios[name] = measured / limit
        line(f"pickup {name}", measured * 1e3, "bare", limit * 1e3, ratio=ratios[name], target=target, unit=" ms")
    p50_ms = {name: round(percentile(each, 0.5) * 1e3, 2) for name, each in seconds.items()}
    finish("pickup", ratios, {"job, pictures included": statistics.median(cpu_us)}, p50_ms=p50_ms)
