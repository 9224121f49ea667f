"""Claims a second with 8 workers, against the bare SKIP LOCKED batch query on the same rows, as the table grows.

The product's claim also records the attempt, stores an event, obeys the limits of queue and plans, moves the queue's
clock and returns whole jobs. Their events are announced with their next change; `engine` measures that, this does not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import Pool, open_pool
from pixel_runtime.clock import SystemClock

from tests.load.queue_rows import QueueRows
from tests.load.report import Meter, Sample, finish, line, median_cpu, median_rate, percentile, shuffled
from tests.load.servers import postgres, scratch_dir

WORKERS = 8
BATCH = 10
CLAIMS = 100
"""Claims of each worker in a run: 8,000 jobs of the 10,000 that wait at the smallest size."""
SIZES = (10_000, 100_000, 1_000_000)
"""Finished jobs; a tenth as many wait, at least 10,000."""
BARE = """
    WITH next AS MATERIALIZED (
        SELECT j.id FROM live_jobs AS j
        WHERE j.queue = 'sketch' AND j.status = 'queued' AND j.hold_reason = 'open' AND j.scheduled_at <= now()
        ORDER BY j.priority, j.virtual_start, j.id LIMIT 10 FOR UPDATE SKIP LOCKED)
    UPDATE live_jobs AS j
    SET status = 'processing', stage = 'starting', attempt = j.attempt + 1, lease_until = now() + interval '15 s'
    FROM next AS n WHERE j.id = n.id RETURNING j.id, j.work
"""


class Claimers:
    """Eight concurrent claimers of either kind; records the time of each claim."""

    def __init__(self, pool: Pool, rows: QueueRows, server_pid: int) -> None:
        self._pool = pool
        self._rows = rows
        self._pid = server_pid
        self._jobs = PostgresJobs(pool, SystemClock(), KINDS, MESSAGES)
        self.seconds: dict[str, list[float]] = {"product": [], "bare": []}

    async def product(self) -> Sample:
        return await self._run("product", self._claim)

    async def bare(self) -> Sample:
        return await self._run("bare", self._claim_bare)

    async def _run(self, name: str, claim: Callable[[], Awaitable[int]]) -> Sample:
        claimed = 0

        async def worker() -> None:
            nonlocal claimed
            for _ in range(CLAIMS):
                started = time.perf_counter()
                jobs = await claim()
                claimed += jobs
                self.seconds[name].append(time.perf_counter() - started)

        meter = Meter((self._pid,))
        meter.start()
        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        sample = meter.stop(claimed)
        assert claimed == WORKERS * CLAIMS * BATCH, claimed
        await self._rows.put_back()
        return sample

    async def _claim(self) -> int:
        deadline = SystemClock().now() + timedelta(minutes=5)
        return len(await self._jobs.claim("sketch", BATCH, worker="bench", lease_s=15, deadline_at=deadline))

    async def _claim_bare(self) -> int:
        async with self._pool.autocommit() as conn:
            return len(await (await conn.execute(BARE)).fetchall())


async def main() -> None:
    ratios: dict[str, float] = {}
    cpu_us: dict[str, float] = {}
    p99_ms: dict[str, float] = {}
    async with scratch_dir() as folder, postgres(folder, ["generation"]) as (server, urls):
        rows = QueueRows(server.admin_url)
        async with open_pool(urls["generation"], schema="generation", application="bench", max_size=WORKERS) as pool:
            for size in (0, *SIZES):
                await rows.grow(finished=size, waiting=max(10_000, size // 10))
                claimers = Claimers(pool, rows, server.pid)
                samples = await shuffled({"product": claimers.product, "bare": claimers.bare})
                rates = {name: median_rate(each) for name, each in samples.items()}
                ratio = rates["product"] / rates["bare"]
                line(f"claims at {size:,}", rates["product"], "bare", rates["bare"], ratio=ratio, target=">= 0.5")
                ratios[f"claim_{size}"] = ratio
                cpu_us |= {f"{name}_{size}": median_cpu(each) for name, each in samples.items()}
                p99_ms[str(size)] = percentile(claimers.seconds["product"], 0.99) * 1e3
    for size in SIZES:
        growth = p99_ms[str(size)] / p99_ms["0"]
        ratios[f"p99_{size}"] = growth
        line(
            f"p99 at {size:,}", p99_ms[str(size)], "empty", p99_ms["0"], ratio=growth, target="<= 3 at 1,000,000",
            unit=" ms",
        )  # fmt: skip
    finish("claim", ratios, cpu_us, p99_ms={name: round(value, 2) for name, value in p99_ms.items()})
