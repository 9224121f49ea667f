"""The same no-op as a task of procrastinate and of Celery, each with its own server of choice."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import celery
import procrastinate
import redis

CALLERS = 128
_BROKER = os.environ.get("BENCH_BROKER", "")

celery_app = celery.Celery("peers", broker=_BROKER)
celery_app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=4)


@celery_app.task(name="noop")
def noop() -> None:
    """Do nothing."""


class Procrastinate:
    """Jobs in PostgreSQL, deferred by many callers, run by one worker with ten at once (its documented way)."""

    def __init__(self, app: procrastinate.App) -> None:
        self._app = app
        self._ended: Callable[[], None] = lambda: None
        self.done = 0

    def ended(self) -> None:
        """Count one task."""
        self._ended()

    async def run(self, jobs: int) -> float:
        """Defer and run; return the seconds from the first call to the end of the last job."""
        task = self._app.tasks["noop"]
        finished = asyncio.Event()
        self.done = 0

        def count() -> None:
            self.done += 1
            if self.done == jobs:
                finished.set()

        self._ended = count
        worker = asyncio.create_task(self._app.run_worker_async(concurrency=10, install_signal_handlers=False))
        started = time.perf_counter()

        async def caller(number: int) -> None:
            for _ in range(number, jobs, CALLERS):
                await task.defer_async()

        await asyncio.gather(*(caller(number) for number in range(CALLERS)))
        await finished.wait()
        seconds = time.perf_counter() - started
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return seconds


@asynccontextmanager
async def procrastinate_peer(url: str) -> AsyncIterator[Procrastinate]:
    """Open an app on a separate database and create its schema."""
    connector = procrastinate.PsycopgConnector(conninfo=url, max_size=10)
    app = procrastinate.App(connector=connector)
    peer = Procrastinate(app)

    @app.task(name="noop")
    async def ended() -> None:
        peer.ended()

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        yield peer


class Celery:
    """Jobs in Redis, sent by one thread, run by two processes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis = redis.Redis.from_url(url)

    async def run(self, jobs: int) -> float:
        """Send and run; return the seconds until nothing waits and nothing is unacknowledged."""
        return await asyncio.to_thread(self._run, jobs)

    def _run(self, jobs: int) -> float:
        celery_app.conf.broker_url = self._url
        started = time.perf_counter()
        with celery_app.connection_for_write(self._url) as connection, connection.Producer() as producer:
            for _ in range(jobs):
                noop.apply_async(producer=producer)
        while self._redis.llen("celery") or self._redis.hlen("unacked"):
            time.sleep(0.01)
        return time.perf_counter() - started

    def ready(self) -> bool:
        """Return whether a worker has consumed a first job."""
        return not self._redis.llen("celery") and not self._redis.hlen("unacked")


@asynccontextmanager
async def celery_peer(url: str) -> AsyncIterator[tuple[Celery, int]]:
    """Run a prefork worker of two processes; yield the peer and the worker's pid."""
    command = [
        sys.executable, "-m", "celery", "-A", "tests.load.peers:celery_app", "worker", "--concurrency=2",
        "--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "BENCH_BROKER": url},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        peer = Celery(url)
        await peer.run(20)
        yield peer, process.pid
    finally:
        process.terminate()
        await process.wait()
