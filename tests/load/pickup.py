"""Accepted to provider call started, against one bare produce-to-consume plus the bare transactions of that way.

The product runs as in production: a process per role on Kafka and PostgreSQL; times are the database's, of acceptance
(`jobs.created_at`) and of the attempt's `submitting` row (`attempts.submitted_at`).
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from uuid import UUID

import psycopg
from confluent_kafka import Consumer, Producer
from pixel_events import KafkaBus
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.application.ports import Holder, NewGeneration
from pixel_generation.domain.job import Job
from pixel_generation.domain.spec import GenerationSpec
from pixel_postgres import open_pool
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id

from tests.load.http_client import HttpLoad
from tests.load.processes import running
from tests.load.report import finish, line, percentile
from tests.load.servers import kafka, postgres, scratch_dir
from tests.load.submit import fill_accounts, user

JOBS = 120
EVERY_S = 0.15
TOPIC = "image.generation.requests"


def bare_bus(brokers: str) -> list[float]:
    """Seconds from produce to consume, one record at a time, with librdkafka alone."""
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, "acks": "all", "enable.idempotence": True})
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bare", "auto.offset.reset": "latest"})
    consumer.subscribe([TOPIC])
    while not consumer.assignment():
        consumer.poll(0.1)
    seconds = []
    for number in range(JOBS + 10):
        body = str(number).encode()
        started = time.perf_counter()
        producer.produce(TOPIC, value=body, key=b"bare")
        producer.poll(0)
        while (record := consumer.poll(5.0)) is None or record.value() != body:
            producer.poll(0)
        seconds.append(time.perf_counter() - started)
        producer.flush()
        time.sleep(0.02)
    consumer.close()
    return seconds[10:]


async def bare_transactions(url: str) -> list[float]:
    """Seconds of the three writes on the way: submit, claim, and the attempt that is about to call."""
    clock, seconds = SystemClock(), []
    async with open_pool(url, schema="generation", application="bare", max_size=2) as pool:
        submissions, jobs = PostgresSubmissions(pool), PostgresJobs(pool, clock)
        for number in range(JOBS + 10):
            now = clock.now()
            job = Job(
                id=new_id(), user_id=user(number), set_id=new_id(), lane="sketch", cost_credits=1, created_at=now,
                spec=GenerationSpec(prompt="bare", model="studio-sketch", size="256x256", seed=1),
                scheduled_at=now, deadline_at=now.replace(year=now.year + 1), max_retries=2,
            )  # fmt: skip
            started = time.perf_counter()
            await submissions.submit([NewGeneration(job, 1, "", "", b"")])
            (claimed,) = await jobs.claim("sketch", 1, worker="bare", lease_s=15, deadline_at=job.deadline_at)
            assert await jobs.write(claimed, claimed.calling(), holder=Holder.WORKER)
            seconds.append(time.perf_counter() - started)
    return seconds[10:]


async def product(server_url: str, urls: dict[str, str], folder: Path, brokers: str) -> list[float]:
    """Submit through HTTP at a steady rate; return what the rows say."""
    commands = {
        "media": ("serve",),
        "social": ("serve", "work"),
        "generation": ("serve", "work", "relay"),
        "gateway": ("serve",),
    }
    environment = {
        "KAFKA_BROKERS": brokers,
        "PIXEL_BLOBS_URL": (folder / "objects").as_uri(),
        "PIXEL_SIGNING_KEY": "x" * 32,
    }
    async with running(urls, folder, commands=commands, environment=environment) as door:
        keys = await door.accounts(10)
        body = {"prompt": "a lighthouse at dawn", "size": "256x256"}
        async with await psycopg.AsyncConnection.connect(server_url, autocommit=True) as conn:
            before = new_id()
            load = HttpLoad(door.address, "/api/generations", body, keys, pids=door.pids)
            await load.steady(JOBS + 20, EVERY_S)
            async with asyncio.timeout(60):
                while len(found := await _pickups(conn, before)) < JOBS + 20:  # rows send no event
                    await asyncio.sleep(0.1)
    return found[20:]


async def _pickups(conn: psycopg.AsyncConnection, after: UUID) -> list[float]:
    cursor = await conn.execute(
        "SELECT extract(epoch FROM a.submitted_at - j.created_at)::float8 FROM generation.jobs AS j"
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
        transactions = await bare_transactions(urls["generation"])
        await _forget(server.admin_url)
        hop = await asyncio.to_thread(bare_bus, brokers)
        ours = await product(server.admin_url, urls, folder, brokers)
    limits = {share: percentile(hop, share) + percentile(transactions, share) for share in (0.5, 0.99)}
    ratios = {}
    for name, share, target in (("p50", 0.5, "<= 3"), ("p99", 0.99, "reported")):
        measured = percentile(ours, share)
        ratios[name] = measured / limits[share]
        line(
            f"pickup {name}", measured * 1e3, "bare", limits[share] * 1e3, ratio=ratios[name], target=target, unit=" ms"
        )
    parts = {"bare_bus": percentile(hop, 0.5) * 1e3, "bare_transactions": percentile(transactions, 0.5) * 1e3}
    finish("pickup", ratios, {}, p50_ms={name: round(value, 2) for name, value in parts.items()})


async def _forget(admin_url: str) -> None:
    """Take the bare jobs out of the queue, so that no worker finds them."""
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as conn:
        await conn.execute("TRUNCATE generation.jobs, generation.attempts, generation.job_events, generation.outbox")
