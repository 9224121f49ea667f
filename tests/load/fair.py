"""How evenly a queue is shared: Jain's index over eight equal tenants, and ten jobs behind five thousand.

Jain's index of the pictures each tenant got while all had work waiting: (sum x)^2 / (n * sum x^2); 1 is even.
(Jain, Chiu, Hawe: A quantitative measure of fairness, DEC-TR-301, 1984.)
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import psycopg
from pixel_generation.adapters.outbound.postgres.jobs import PostgresJobs
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration, submit_generations
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import KINDS, MESSAGES
from pixel_postgres import open_pool
from pixel_runtime.clock import SystemClock

from tests.load.instant import Core, core
from tests.load.report import finish, line
from tests.load.servers import postgres, scratch_dir
from tests.load.submit import PROMPT, fill_accounts, user

TENANTS = 8
EACH = 200
HEAVY, LIGHT = 5_000, 10
BATCH = 10


async def submit(engine: Core, tenant: int, jobs: int) -> None:
    """Submit through the use case, 100 at once, as a user without a concurrency limit."""
    for first in range(0, jobs, 100):
        commands = [
            SubmitGeneration(user_id=user(tenant), work=ImageWork(prompt=PROMPT))
            for _ in range(first, min(jobs, first + 100))
        ]
        outcomes = await submit_generations(commands, **engine.ports)  # type: ignore[arg-type]
        assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes


class Queue:
    """Claims in the engine's order."""

    def __init__(self, jobs: PostgresJobs) -> None:
        self._jobs = jobs

    async def next(self) -> list[Job]:
        deadline = SystemClock().now() + timedelta(minutes=5)
        return await self._jobs.claim("sketch", BATCH, worker="bench", lease_s=600, deadline_at=deadline)


async def jain(engine: Core, queue: Queue) -> float:
    """Tenants submit in bursts of random size; half of the work is claimed while all have queued jobs."""
    left = dict.fromkeys(range(1, TENANTS + 1), EACH)
    while any(left.values()):
        tenant = random.choice([each for each, jobs in left.items() if jobs])
        burst = min(left[tenant], random.randint(1, 40))
        await submit(engine, tenant, burst)
        left[tenant] -= burst
    served: Counter[str] = Counter()
    while served.total() < TENANTS * EACH // 2:
        served.update(job.user_id.hex for job in await queue.next())
    return served.total() ** 2 / (TENANTS * sum(count**2 for count in served.values()))


async def behind(engine: Core, queue: Queue) -> float:
    """Return the claim of the light tenant's last job relative to its fair share: every second claim."""
    await submit(engine, 101, HEAVY)
    for _ in range(5):
        await queue.next()
    await submit(engine, 102, LIGHT)
    claimed, found = 0, 0
    while found < LIGHT:
        for job in await queue.next():
            claimed += 1
            found += job.user_id == user(102)
            if found == LIGHT:
                break
    return claimed / (2 * LIGHT)


async def main() -> None:
    async with scratch_dir() as folder, postgres(folder, ["generation"]) as (server, urls):
        await fill_accounts(server.admin_url)
        async with (
            core(urls["generation"]) as engine,
            open_pool(urls["generation"], schema="generation", application="bench", max_size=2) as pool,
        ):
            queue = Queue(PostgresJobs(pool, SystemClock(), KINDS, MESSAGES))
            late = await behind(engine, queue)
            async with await psycopg.AsyncConnection.connect(server.admin_url, autocommit=True) as conn:
                await conn.execute("DELETE FROM generation.live_jobs")
            index = await jain(engine, queue)
            await engine.submissions.close()
    line("Jain index over eight tenants", index, "even", 1.0, ratio=index, target=">= 0.95", unit="")
    line("last of ten behind 5,000", late, "fair place", 1.0, ratio=late, target="<= 2", unit="")
    finish("fair", {"jain": index, "last_of_ten": late}, {})
