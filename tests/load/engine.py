"""Jobs a second from submitted to completed with an instant provider, against procrastinate and Celery on a no-op.

Ours holds and captures credits, fences every change, stores five events a job and writes their outbox rows; the peers
do none of that. Ours submits in one process and works in another, procrastinate does both in one, Celery has three.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import psycopg
from pixel_embedded import run_redis
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration, submit_generations
from pixel_generation.domain.work.image import ImageWork

from tests.load.instant import Core, core, working
from tests.load.peers import celery_peer, procrastinate_peer
from tests.load.queue_rows import QueueRows
from tests.load.report import Meter, Sample, finish, line, median_cpu, median_rate, shuffled
from tests.load.servers import postgres, scratch_dir
from tests.load.submit import ACCOUNTS, PROMPT, fill_accounts, user

JOBS = 3_000
CALLERS = 128
SIZES = (10_000, 100_000, 1_000_000)


class Engine:
    """Submits through the use case while a worker runs; done when the last job is completed."""

    def __init__(self, engine: Core, admin: psycopg.AsyncConnection, *pids: int) -> None:
        self._core = engine
        self._admin = admin
        self._pids = pids
        self._turn = 0

    async def run(self) -> Sample:
        before = await self._completed()
        meter = Meter(self._pids)
        meter.start()
        await asyncio.gather(*(self._caller(number) for number in range(CALLERS)))
        async with asyncio.timeout(120):
            while await self._completed() - before < JOBS:
                await asyncio.sleep(0.02)
        return meter.stop(JOBS)

    async def _caller(self, number: int) -> None:
        for _ in range(number, JOBS, CALLERS):
            self._turn += 1
            command = SubmitGeneration(user_id=user(self._turn * 7919 % ACCOUNTS), work=ImageWork(prompt=PROMPT))
            (outcome,) = await submit_generations([command], **self._core.ports)  # type: ignore[arg-type]
            assert isinstance(outcome, Accepted), outcome

    async def _completed(self) -> int:
        """Count by the statistics, which are written with the end of each job."""
        counted = "SELECT coalesce(sum(jobs), 0) FROM generation.job_statistics WHERE status = 'completed'"
        row = await (await self._admin.execute(counted)).fetchone()
        assert row is not None
        return int(row[0])


def timed(run: Callable[[int], Awaitable[float]], *pids: int) -> Callable[[], Awaitable[Sample]]:
    """Return a contestant that measures a peer, whose own clock says when it was done."""

    async def contestant() -> Sample:
        meter = Meter(pids)
        meter.start()
        seconds = await run(JOBS)
        sample = meter.stop(JOBS)
        return Sample(JOBS, seconds, sample.cpu_s)

    return contestant


async def main() -> None:
    async with (
        scratch_dir() as folder,
        postgres(folder, ["generation"]) as (server, urls),
        run_redis(folder / "redis") as broker,
        celery_peer(broker.url) as (celery, celery_pid),
    ):
        await fill_accounts(server.admin_url)
        await _create_database(server.admin_url)
        async with (
            core(urls["generation"]) as engine,
            working(urls["generation"]) as worker_pid,
            procrastinate_peer(server.admin_url.rsplit("/", 1)[0] + "/procrastinate") as procrastinate,
            await psycopg.AsyncConnection.connect(server.admin_url, autocommit=True) as admin,
        ):
            ours = Engine(engine, admin, server.pid, worker_pid)
            samples = await shuffled(
                {
                    "engine": ours.run,
                    "procrastinate": timed(procrastinate.run, server.pid),
                    "celery": timed(celery.run, broker.pid, celery_pid),
                }
            )
            growth = await _grown(ours, QueueRows(server.admin_url))
    rates = {name: median_rate(each) for name, each in samples.items()}
    ratios = {"procrastinate": rates["engine"] / rates["procrastinate"], "celery": rates["engine"] / rates["celery"]}
    for peer, target in (("procrastinate", ">= 5"), ("celery", ">= 3")):
        line("engine", rates["engine"], peer, rates[peer], ratio=ratios[peer], target=target)
    for size, sample in growth.items():
        ratios[f"at_{size}"] = sample.rate / rates["engine"]
        line(
            f"engine at {size:,} finished", sample.rate, "empty", rates["engine"], ratio=ratios[f"at_{size}"],
            target="no slope",
        )  # fmt: skip
    finish("engine", ratios, {name: median_cpu(each) for name, each in samples.items()})


async def _grown(ours: Engine, rows: QueueRows) -> dict[int, Sample]:
    """Measure again with a growing history."""
    found = {}
    for size in SIZES:
        await rows.grow(finished=size, waiting=0)
        started = time.perf_counter()
        found[size] = await ours.run()
        print(f"  at {size:,}: {found[size].rate:,.1f}/s in {time.perf_counter() - started:.1f} s", flush=True)
    return found


async def _create_database(admin_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as conn:
        await conn.execute("CREATE DATABASE procrastinate")
